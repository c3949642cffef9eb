/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/arguments.h"

#include <string.h>

static gboolean is_flag(const GOptionEntry *entries, const char *name) {
    for (; entries->long_name; entries++)
        if (g_str_equal(entries->long_name, name))
            return entries->arg == G_OPTION_ARG_NONE || (entries->flags & G_OPTION_FLAG_NO_ARG);
    return g_str_equal(name, "help");
}

gboolean arguments_check_flags(
        const GOptionEntry *entries, const char *const *words, GError **error) {
    for (; *words; words++) {
        const char *equals = strchr(*words, '=');
        g_autofree char *name = equals ? g_strndup(*words, (gsize)(equals - *words)) : NULL;

        if (name && g_str_has_prefix(name, "--") && is_flag(entries, name + strlen("--"))) {
            g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s takes no value", name);
            return FALSE;
        }
    }
    return TRUE;
}
