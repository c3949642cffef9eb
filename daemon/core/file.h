/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <errno.h>
#include <glib.h>
#include <sys/stat.h>

/*
 * Files as this project opens them: never waiting (a FIFO, a leased file), never a terminal,
 * never more bytes than asked for. Functions return 0 or a negative errno.
 */

/* A file descriptor that closes itself: g_auto(FileFd) fd = FILE_FD_NONE. Keeps errno. */
typedef int FileFd;
#define FILE_FD_NONE (-1)
void file_fd_close(FileFd fd);
G_DEFINE_AUTO_CLEANUP_FREE_FUNC(FileFd, file_fd_close, FILE_FD_NONE)

/* Opens PATH for reading if it is a regular file, links followed. DIR_FD may be AT_FDCWD.
 * -ENOTSUP: it exists and is something else. RET_STAT may be NULL. */
int file_open_regular(int dir_fd, const char *path, FileFd *ret_fd, struct stat *ret_stat)
        G_GNUC_WARN_UNUSED_RESULT;

/* PATH is /dev/null, itself or through links: how files of configuration are hidden. */
gboolean file_is_null_device(int dir_fd, const char *path);

/* Reads up to SIZE bytes from OFFSET: fewer only at the end of the file. */
int file_read_at(int fd, guint64 offset, void *buffer, gsize size, gsize *ret_size)
        G_GNUC_WARN_UNUSED_RESULT;

/* All of the file. -EFBIG: it holds more than LIMIT bytes. */
int file_read_all(int fd, gsize limit, GBytes **ret_bytes) G_GNUC_WARN_UNUSED_RESULT;

/* True for what a file itself can be blamed for: it is missing, unreadable, of another kind, on a
 * bad block. False where any other file would fare the same: no file descriptors, no memory. */
gboolean file_is_at_fault(int error);
