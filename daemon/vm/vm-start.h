/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/vm-op.h"

/*
 * Whether a guest can start from the variables of a VM. Reads files: for worker threads.
 */

/* Validates the NVRAM as vm_nvram_check() does, then its content; that of a VM in use is its
 * guest's. Sets *RET_IS_PENDING if a write must be completed first. Errors: those of
 * vm_nvram_check(); FIRMWARE_ERROR_IMAGE_UNUSABLE (the store has a fault), _VM_CONFLICT (a
 * required certificate is missing). */
gboolean vm_check_start(const VMOp *op, gboolean *ret_is_pending, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
