/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/vocab.h"

/*
 * Conversion between raw and qcow2 by qemu-img, which runs without capabilities and within limits.
 * Waits for it: not for the event loop.
 */

/* The longest that NVRAM needs is a second. Two conversions, which the service waits for when it is
 * stopped, stay below the 90 s that systemd gives it. */
#define CONVERT_TIMEOUT_SEC 30
#define CONVERT_MAX_SIZE (300 * 1024 * 1024) /* bytes of the result */

/* INPUT is the service's own scratch copy, and names no other file; OUTPUT is an empty file.
 * Errors: FIRMWARE_ERROR_NOT_SUPPORTED, no qemu-img; FIRMWARE_ERROR_IO. */
gboolean convert_image(
        int input, ImageFormat input_format, int output, ImageFormat output_format, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
