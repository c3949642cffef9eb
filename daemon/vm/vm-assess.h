/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/vm-op.h"

/*
 * Compares a pin with the installed firmware. Reads images: for worker threads.
 */

/* The resolution of PIN with the path of the VM's own file. */
Resolution *vm_answer(const VMOp *op, const Pin *pin) G_GNUC_WARN_UNUSED_RESULT;

/* Sets RESULT's differences and resolution, and with VM_DIFFERENCE_GONE *RET_NEAREST (may be NULL),
 * the nearest candidates for the text of an error. Error: FIRMWARE_ERROR_IO, an image cannot be
 * read. */
gboolean vm_assess(const VMOp *op, VMResult *result, char **ret_nearest, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
