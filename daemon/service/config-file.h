/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/file.h"

/*
 * Configuration files in the manner of systemd's daemons: a main file, then drop-ins *.conf from
 * the directories NAME.d in the order of their file names, each overriding the files before. A
 * drop-in overrides files of the same name in lower-priority directories; /dev/null or an empty
 * file masks them.
 */

/* A known key. */
typedef struct ConfigKey {
    const char *section;
    const char *name;
    /* Returns FALSE if VALUE is invalid. DATA is that of config_files_read(). */
    gboolean (*parse)(const struct ConfigKey *key, const char *value, gpointer data);
    gsize offset; /* for parse() */
    guint64 min;
    guint64 max;
    const char *expected; /* description of a valid value, for the warning */
} ConfigKey;

/* Reads PATHS, lowest priority first; a missing file is skipped with a warning. KEYS ends with a
 * key whose name is NULL. Logs a warning with file and line for each fault. VISITOR (or NULL)
 * visits each file. */
void config_files_read(
        const GPtrArray *paths, const FileVisitor *visitor, const ConfigKey *keys, gpointer data);

/* Returns the paths (char*, owned) of the main file, from the highest-priority directory of
 * DIRECTORIES (lowest priority first) that has one, and of the drop-ins. VISITOR (or NULL) visits
 * each of them. */
GPtrArray *config_files_find(
        const char *const *directories, const char *name, const FileVisitor *visitor)
        G_GNUC_WARN_UNUSED_RESULT;
