/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/file.h"

/* Configuration in several directories: a file overrides files of the same name in lower-priority
 * directories. */

/* Returns the paths (char*) of the files *.conf in DIRECTORIES, lowest priority first, in the order
 * of their file names. Skips hidden files, and directories that are missing or unreadable. VISITOR
 * (or NULL) visits each directory. Error: FIRMWARE_ERROR_IO if the system failed. */
GPtrArray *conf_files_list(
        const char *const *directories, const FileVisitor *visitor, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* A table file that was rejected as a whole. */
typedef struct ConfProblem {
    char *path;
    char *text; /* valid text, and so is the path */
} ConfProblem;
void conf_problem_free(ConfProblem *problem);

/* Takes the content of one table file. Returns NULL, or the fault. */
typedef char *(*ConfFunc)(GKeyFile *file, gpointer userdata);

/* Calls FUNC for each file of conf_files_list(); an empty file masks those that it overrides. A
 * fault of a file is added to PROBLEMS (of ConfProblem). Error: FIRMWARE_ERROR_IO where the system
 * failed. */
gboolean conf_files_load(
        const char *const *directories, const FileVisitor *visitor, ConfFunc func,
        gpointer userdata, GPtrArray *problems, GError **error) G_GNUC_WARN_UNUSED_RESULT;
