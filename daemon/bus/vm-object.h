/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/state.h"

/* The objects of VMs: their paths, and the signals about them. */

int bus_vm_add(Bus *bus);
/* Returns 1 and the owner and id in PATH, 0 if PATH is not the path of a VM, or a negative
 * errno. */
int bus_vm_decode_path(const char *path, uid_t *ret_owner, char **ret_id);
char *bus_vm_path(uid_t owner, const char *id) G_GNUC_WARN_UNUSED_RESULT;
int bus_vm_emit_changed(Bus *bus, const VM *vm, VMChange change, guint properties);
