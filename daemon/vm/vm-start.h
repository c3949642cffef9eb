/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/vm-op.h"

/*
 * Whether a guest can start from the variables of a VM. Reads files: for worker threads.
 */

/* What must be done, or may be done, before a start. */
typedef enum VMStart {
    VM_START_PLAIN,
    VM_START_PENDING, /* a write must be completed */
    VM_START_SOUND,   /* the store is sound, and nobody uses it */
} VMStart;

/* Opens the VM's directory, and validates the NVRAM as vm_nvram_check() does, then its content;
 * that of a VM in use is its guest's. Sets RESULT's condition and size, and is_read if the firmware
 * keeps variables. Errors: those of vm_nvram_check(); FIRMWARE_ERROR_IMAGE_UNUSABLE (the store has
 * a fault), _VM_CONFLICT (a required certificate is missing). */
gboolean vm_check_start(
        const VMOp *op, FileFd *ret_dir, VMStart *ret_start, VMResult *result, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* Checks that each certificate that the call requires is in KEK or db of the variables that LOOK is
 * of; NULL: none can be seen. Errors: FIRMWARE_ERROR_VM_CONFLICT; of a new VM, which gets the
 * caller's NVRAM, _NVRAM_MISMATCH. */
gboolean vm_check_certificates(const VMOp *op, const VMLook *look, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* Sets has_platform_key of RESULT's resolution. The VM's owner can have changed the keys of PIN's
 * NVRAM. */
void vm_find_platform_key(const VMOp *op, const Pin *pin, VMResult *result);
