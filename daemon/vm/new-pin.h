/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/vm-op.h"

/* Pins OP's file, with the digests of its images. CREATED is in µs since the epoch; 0: now. Errors:
 * FIRMWARE_ERROR_IO (an image cannot be read, or has changed since the catalog was built),
 * _IMAGE_UNUSABLE (an image names another file). */
Pin *new_pin(const VMOp *op, guint64 created, gboolean has_own_template, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
