/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/vms.h"

/*
 * Reads the variables of a VM when its guest has ended. A VM whose condition was read while it was
 * in use has a watch on its NVRAM (see vmstore_watch()), which a QEMU that ends closes. Its lease
 * ends at about the same time.
 */

typedef struct VMWatch VMWatch;

/* The store of VMS must be open. Returns NULL if it has no watch, or if the system failed. */
VMWatch *vm_watch_new(sd_event *event, VMs *vms) G_GNUC_WARN_UNUSED_RESULT;
void vm_watch_free(VMWatch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VMWatch, vm_watch_free)
