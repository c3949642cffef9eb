/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/state.h"

/* Sends the rest of an Export on a worker thread. Takes ownership of both descriptors. Returns 0
 * and the read end in *RET_PIPE, which the caller owns, or a negative errno. */
int bus_export_begin(Bus *bus, uid_t uid, int file, guint64 size, int lease, int *ret_pipe);
GPtrArray *bus_exports_new(void) G_GNUC_WARN_UNUSED_RESULT;
/* Returns FALSE with FIRMWARE_ERROR_LIMITS_EXCEEDED if UID has too many open pipes. */
gboolean bus_export_admit(Bus *bus, uid_t uid, GError **error) G_GNUC_WARN_UNUSED_RESULT;
