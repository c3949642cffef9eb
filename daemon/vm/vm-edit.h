/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/vm-op.h"

/*
 * Changes of the variables in a VM's NVRAM, on a job's worker thread: all of OP's changes or none.
 * The changed store is published by one rename, and the old one becomes a backup.
 */

/* Sets RESULT's change, before, store and report. Takes the VM's lease, unless the call has
 * dry-run: that writes nothing, and checks instead that nobody uses the store before and after it
 * is read. Errors: FIRMWARE_ERROR_NVRAM_IN_USE, _NVRAM_MISSING, _NVRAM_MISMATCH, _IMAGE_UNUSABLE
 * (the health of the store), _NOT_SUPPORTED (the firmware keeps no variables; a certificate or
 * template is not there), _VM_CONFLICT (the store is not the expected one), _NO_SUCH_VARIABLE,
 * _NO_SUCH_FIRMWARE, _LIMITS_EXCEEDED (too large for the store), _INVALID_ARGS, _IO. */
gboolean vm_op_change_variables(const VMOp *op, VMResult *result, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
