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
