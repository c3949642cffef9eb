/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Checks that GLib's option parser does not make. */

/* Rejects a value (--user=no) for an option of ENTRIES, or for --help, that takes none: GLib drops
 * the value, and --user=no would mean --user. Returns FALSE with G_OPTION_ERROR_BAD_VALUE. WORDS is
 * NULL-terminated. */
gboolean arguments_check_flags(
        const GOptionEntry *entries, const char *const *words, GError **error);
