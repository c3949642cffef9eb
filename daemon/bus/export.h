/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/state.h"

/* Sends the rest of an Export beside the event loop. Takes both descriptors. */
int bus_export_begin(Bus *bus, uid_t uid, int file, guint64 size, int lease, int *ret_pipe);
GPtrArray *bus_exports_new(void) G_GNUC_WARN_UNUSED_RESULT;
gboolean bus_export_admit(const Bus *bus, uid_t uid, GError **error) G_GNUC_WARN_UNUSED_RESULT;
