/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "options.h"

/*
 * The service's interfaces, answered in this process: the methods that read the catalog, from the
 * directories that the service would read, with the rights of the calling user. The catalog is
 * built for the first call.
 */

typedef struct Offline Offline;

/* OPTIONS is borrowed, and must outlive the result. Error: CLIENT_ERROR. */
Offline *offline_new(const Options *options, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void offline_free(Offline *offline);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Offline, offline_free)

/* Answers a call as the service does. ARGUMENTS is a tuple, or NULL. Returns the body of the reply,
 * a tuple. Error: FIRMWARE_ERROR. */
GVariant *offline_call(
        Offline *offline, const char *path, const char *method, GVariant *arguments, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
