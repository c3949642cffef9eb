/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/state.h"

/* Sends the rest of an Export on a worker thread. Takes both descriptors. Returns 0, with the read
 * end in *RET_PIPE, which is the caller's, or a negative errno. */
int bus_export_begin(Bus *bus, uid_t uid, int file, guint64 size, int lease, int *ret_pipe);
GPtrArray *bus_exports_new(void) G_GNUC_WARN_UNUSED_RESULT;
/* FIRMWARE_ERROR_LIMITS_EXCEEDED where UID has too many pipes that are not closed yet. */
gboolean bus_export_admit(const Bus *bus, uid_t uid, GError **error) G_GNUC_WARN_UNUSED_RESULT;
