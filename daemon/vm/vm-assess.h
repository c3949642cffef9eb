/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/vm-op.h"

/*
 * A pin against what is installed. Reads images: on a job's thread.
 */

/* The answer that PIN gives, with the path of the VM's own file. */
Resolution *vm_answer(const VMOp *op, const Pin *pin) G_GNUC_WARN_UNUSED_RESULT;

/* Sets RESULT's differences and resolution; with VM_DIFFERENCE_GONE also *RET_NEAREST (may be
 * NULL): the candidates that come nearest, for an error's text.
 * FIRMWARE_ERROR_IO: an image could not be read now. */
gboolean vm_assess(const VMOp *op, VMResult *result, char **ret_nearest, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* Both are assessed with the same differences, if they have one owner. */
guint vm_assess_hash(const Pin *pin);
gboolean vm_assess_is_alike(const Pin *a, const Pin *b);
