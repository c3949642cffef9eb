/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/vm-op.h"

/*
 * The keys of this host in a new store: those of the catalog that OP has.
 */

/* Sets *RET to the bytes of the store in FD, a template, with the keys, and records in PIN which
 * keys were added. Sets *RET to NULL where the store gets none: OP does not make it from a
 * template, its firmware does not list secure-boot, the host has no keys, or the caller does not
 * want them. Errors: FIRMWARE_ERROR_LIMITS_EXCEEDED (a key does not fit), _IMAGE_UNUSABLE, _IO. */
gboolean vm_enroll_host_keys(
        const VMOp *op, Pin *pin, int fd, ImageFormat format, GBytes **ret, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
