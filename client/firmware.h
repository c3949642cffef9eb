/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "verbs.h"

/* The properties of all firmware, which several verbs look at. */

/* Of GVariant: every firmware as value_from_properties() makes it, in order of priority. One call:
 * between two a catalog could change. */
GPtrArray *firmware_get_all(Context *context, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The globs of the machine types that the firmware NAME is for on ARCHITECTURE, in one line. */
char *firmware_get_machines(const GPtrArray *firmware, const char *name, const char *architecture)
        G_GNUC_WARN_UNUSED_RESULT;

/* The service compares the path of --executable as text, and opens none: where no firmware has it,
 * it is replaced by the path of a firmware's executable that is the same file. On another host, in
 * a container or below --root, that cannot be known here. */
gboolean firmware_find_executable(Context *context, GError **error) G_GNUC_WARN_UNUSED_RESULT;
