/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <dirent.h>

#include "base/file.h"

/*
 * Files below another root directory. Each absolute path, and each link on it, is resolved as if
 * the directory were "/": neither an absolute link nor ".." leads out of it. Functions return 0 or
 * a negative errno. ROOT may be NULL: then paths are resolved as usual.
 */

typedef struct FileRoot {
    FileFd fd;
    const char *const *outside; /* paths that are not below it, with all that is below them */
} FileRoot;

/* That of VISITOR, which may be NULL. */
const FileRoot *root_of(const FileVisitor *visitor);

/* Opens PATH, which may be of any type, with FLAGS. */
int root_open(const FileRoot *root, const char *path, int flags, FileFd *ret_fd)
        G_GNUC_WARN_UNUSED_RESULT;
/* The same without openat2(2), which an older kernel or a filter of system calls refuses.
 * -ENAMETOOLONG: the path leads more than 256 directories down. */
int root_open_by_components(int root_fd, const char *path, int flags, FileFd *ret_fd)
        G_GNUC_WARN_UNUSED_RESULT;

int root_stat(const FileRoot *root, const char *path, struct stat *ret) G_GNUC_WARN_UNUSED_RESULT;

/* A directory that closes itself. */
typedef DIR RootDirectory;
void root_directory_close(RootDirectory *directory);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RootDirectory, root_directory_close)
int root_open_directory(const FileRoot *root, const char *path, RootDirectory **ret)
        G_GNUC_WARN_UNUSED_RESULT;
/* Returns 1 with the name of the next entry, which may be "." or ".." and is valid until the next
 * call; 0 at the end; or a negative errno: the entries so far are not all. */
int root_directory_next(RootDirectory *directory, const char **ret_name) G_GNUC_WARN_UNUSED_RESULT;

/* As file_open_regular(), file_read() and file_is_null_device(). What leads to /dev/null leads to
 * the device, whether or not the directory has devices. */
int root_open_regular(const FileRoot *root, const char *path, FileFd *ret_fd, struct stat *ret_stat)
        G_GNUC_WARN_UNUSED_RESULT;
int root_read(const FileRoot *root, const char *path, gsize limit, GBytes **ret_bytes)
        G_GNUC_WARN_UNUSED_RESULT;
gboolean root_is_null_device(const FileRoot *root, const char *path);
