/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/vm-op.h"

/*
 * The operations on a VM's files. Each one validates the files against the pin, stages the change
 * and publishes it. For worker threads: nothing here uses the event loop or the table of VMs.
 */

/* One function for each method of the contract; Reset and Import share one. RESULT is
 * VM_RESULT_INIT. Takes the VM's lease where the contract has NVRAMInUse. A failure that leaves
 * RESULT->pin set has published that pin. */
gboolean vm_op_create(const VMOp *op, VMResult *result, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean vm_op_prepare(const VMOp *op, VMResult *result, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean vm_op_acquire(const VMOp *op, VMResult *result, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean vm_op_open_nvram(const VMOp *op, VMResult *result, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
gboolean vm_op_replace_nvram(const VMOp *op, VMResult *result, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
gboolean vm_op_rebind(const VMOp *op, VMResult *result, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean vm_op_clone(const VMOp *op, VMResult *result, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean vm_op_rename(const VMOp *op, VMResult *result, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean vm_op_export(const VMOp *op, VMResult *result, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean vm_op_set_reference(const VMOp *op, VMResult *result, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
/* Writes nothing. Without the option check only an image that cannot be read makes it fail. */
gboolean vm_op_get_resolution(const VMOp *op, VMResult *result, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
gboolean vm_op_remove(const VMOp *op, VMResult *result, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* What an answer needs of the RESULT that vm_op_prepare() most likely has: that nothing has changed
 * since the last look. Reads no file. FALSE: that is not likely. */
gboolean vm_expect_prepared(const VMOp *op, VMResult *result) G_GNUC_WARN_UNUSED_RESULT;
/* TRUE: the answer to RESULT, which vm_op_prepare() has, is the expected one. */
gboolean vm_is_as_expected(const VMOp *op, const VMResult *result);
