/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* What GLib's parser of options takes without a word. */

/* Options of ENTRIES, and --help, that take no value and are given one: GLib drops it, and --user=no
 * would mean --user. FALSE with G_OPTION_ERROR_BAD_VALUE. WORDS is NULL-terminated. */
gboolean arguments_check_flags(
        const GOptionEntry *entries, const char *const *words, GError **error);
