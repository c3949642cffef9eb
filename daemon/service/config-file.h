/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * Configuration files in the manner of systemd's daemons: a main file, and drop-ins *.conf in the
 * directories NAME.d, all in the order of their file names, each overriding what came before. A
 * drop-in hides those of the same name in directories of less weight; /dev/null or an empty file
 * hides them for nothing.
 */

/* A key that may be there. */
typedef struct ConfigKey {
    const char *section;
    const char *name;
    /* Returns FALSE where VALUE is none of this key; DATA is as given to config_files_read(). */
    gboolean (*parse)(const struct ConfigKey *key, const char *value, gpointer data);
    gsize offset; /* for parse() */
    guint64 min;
    guint64 max;
    const char *expected; /* what a value is, for the warning */
} ConfigKey;

/* PATHS: of files, those of greater weight last. One that is not there is none. KEYS ends with one
 * whose name is NULL. Warns of each fault with file and line. */
void config_files_read(const GPtrArray *paths, const ConfigKey *keys, gpointer data);

/* The main file (that of greatest weight of DIRECTORIES, which come with the least weight first) and
 * the drop-ins: full paths (char*, owned) for config_files_read(). */
GPtrArray *config_files_find(const char *const *directories, const char *name)
        G_GNUC_WARN_UNUSED_RESULT;
