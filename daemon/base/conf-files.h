/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/file.h"

/* Configuration in several directories: a file overrides files of the same name in lower-priority
 * directories. */

/* The paths (char*) of the files *.conf in DIRECTORIES, lowest priority first, in the order of their
 * file names. Hidden files are left out, and so is a directory that is missing or unreadable.
 * VISITOR (or NULL) visits each directory. Error: FIRMWARE_ERROR_IO where the system failed. */
GPtrArray *conf_files_list(
        const char *const *directories, const FileVisitor *visitor, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
