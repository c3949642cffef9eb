/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/vm-op.h"

/*
 * The operations that read variable stores, on a job's worker thread. They take no lock, because a
 * QEMU that starts meanwhile must not fail. They check instead that nobody uses the store before
 * and after they read it, unless the call has live.
 */

/* Set RESULT's store and report, which are a backup's where OP asks for an index. Errors:
 * FIRMWARE_ERROR_NVRAM_IN_USE, _NVRAM_MISSING, _NVRAM_MISMATCH, _IMAGE_UNUSABLE, _NOT_SUPPORTED
 * (the firmware keeps no variables, or the image is compressed with zstd), _IO. */
gboolean vm_op_read_variables(const VMOp *op, VMResult *result, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
/* Also: FIRMWARE_ERROR_NO_SUCH_VARIABLE; _IMAGE_UNUSABLE if no variable can be read. */
gboolean vm_op_get_variable(const VMOp *op, VMResult *result, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
/* Returns the variable of an operation that has succeeded. */
const StoreVariable *vm_op_find_variable(const VMOp *op, const VMResult *result);

/* Reads the caller's memfd. */
gboolean vm_op_read_store(const VMOp *op, VMResult *result, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
