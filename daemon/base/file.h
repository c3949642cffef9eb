/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <errno.h>
#include <glib.h>
#include <sys/stat.h>

/*
 * Opens and reads files without blocking (a FIFO, a leased file), without acquiring a controlling
 * terminal, and within a limit. Functions return 0 or a negative errno.
 */

/* Identifies a state of a file without reading it. */
typedef struct FileStamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified;
    struct timespec changed;
} FileStamp;

FileStamp file_stamp(const struct stat *st);
gboolean file_stamp_equal(const FileStamp *a, const FileStamp *b);

/* The coarsest clock of a file system is FAT's. Two changes within one tick leave the same stamp,
 * so a younger stamp does not prove that a file is unchanged. Microseconds. */
#define FILE_TRUST_USEC (2 * G_USEC_PER_SEC)

/* NOW: microseconds since the epoch. TRUE when the stamp is at least FILE_TRUST_USEC old. */
gboolean file_stamp_is_trusted(const FileStamp *stamp, gint64 now);
/* TRUE when the file changed less than WITHIN microseconds ago. A time far ahead of NOW does not
 * count: somebody set a clock. */
gboolean file_stamp_is_fresh(const FileStamp *stamp, gint64 now, gint64 within);

/* Called with each path before it is looked at, so that a watch misses no change. FALSE: the path
 * must not be looked at, for its file system does not answer. Either function may be NULL. */
struct FileRoot;
typedef struct FileVisitor {
    gboolean (*file)(const char *path, gpointer userdata);
    gboolean (*directory)(const char *path, gpointer userdata); /* with its entries */
    gpointer userdata;
    const struct FileRoot *root; /* where paths are resolved: see root.h; or NULL */
} FileVisitor;

/* VISITOR may be NULL: TRUE. */
gboolean file_visit(const FileVisitor *visitor, const char *path);
gboolean file_visit_directory(const FileVisitor *visitor, const char *path);

/* A file descriptor that closes itself: g_auto(FileFd) fd = FILE_FD_NONE. Closing keeps errno, and
 * ignores FILE_FD_NONE. */
typedef int FileFd;
#define FILE_FD_NONE (-1)
void file_fd_close(FileFd fd);
G_DEFINE_AUTO_CLEANUP_FREE_FUNC(FileFd, file_fd_close, FILE_FD_NONE)

/* Returns 0 if FD is a regular file, with RET_STAT (may be NULL), -ENOTSUP if it is of another
 * type, or another negative errno. */
int file_check_regular(int fd, struct stat *ret_stat) G_GNUC_WARN_UNUSED_RESULT;

/* Opens PATH, which must be a regular file, with FLAGS and those that keep it from blocking. DIR_FD
 * may be AT_FDCWD, RET_STAT may be NULL. -ENOTSUP: it is of another type. */
int file_open(int dir_fd, const char *path, int flags, FileFd *ret_fd, struct stat *ret_stat)
        G_GNUC_WARN_UNUSED_RESULT;

/* The same for reading, links followed, where PATH may be anything: opens nothing else. */
int file_open_regular(int dir_fd, const char *path, FileFd *ret_fd, struct stat *ret_stat)
        G_GNUC_WARN_UNUSED_RESULT;

/* PATH is /dev/null or a link to it, which masks a configuration file. */
gboolean file_is_null_device(int dir_fd, const char *path);
gboolean file_status_is_null_device(const struct stat *st);

/* Buffer size for reading and writing large files. With 64 KiB a copy takes three quarters of the
 * processor time that 256 KiB take: the allocator keeps the buffer, and the processor's cache. */
#define FILE_CHUNK_SIZE (64 * 1024)

/* Reads SIZE bytes from OFFSET, or fewer at the end of the file. */
int file_read_at(int fd, guint64 offset, void *buffer, gsize size, gsize *ret_size)
        G_GNUC_WARN_UNUSED_RESULT;

/* Reads the whole file. -EFBIG: it holds more than LIMIT bytes. */
int file_read_all(int fd, gsize limit, GBytes **ret_bytes) G_GNUC_WARN_UNUSED_RESULT;

/* Opens and reads the regular file PATH, following links. Errors: those of the two functions
 * above. */
int file_read(int dir_fd, const char *path, gsize limit, GBytes **ret_bytes)
        G_GNUC_WARN_UNUSED_RESULT;

/* Writes all of DATA at FD's position. */
int file_write_all(int fd, const void *data, gsize size) G_GNUC_WARN_UNUSED_RESULT;

/* What a person is told of ERROR, a negative errno of one of these functions. */
const char *file_describe_error(int error);

/* TRUE: the error concerns this file alone (missing, unreadable, of another type, on a bad block).
 * FALSE: it would hit any file (no file descriptors, no memory). */
gboolean file_is_at_fault(int error);

/* TRUE: the error says that there is no regular file of that name. After any other error there may
 * be one: what it holds must not be lost to a new one. */
gboolean file_is_missing(int error);
