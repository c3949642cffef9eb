/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/vm-op.h"

/* A pin to OP's file, with the digests of its images; CREATED 0: now. FIRMWARE_ERROR_IO: an image
 * cannot be read, or is not what the catalog says. _IMAGE_UNUSABLE: it names another file. */
Pin *new_pin(const VMOp *op, guint64 created, gboolean has_own_template, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
