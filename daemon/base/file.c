/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/file.h"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Tolerance for time stamps in the future. */
#define CLOCK_SKEW (10 * G_USEC_PER_SEC)

FileStamp file_stamp(const struct stat *st) {
    return (FileStamp){
            .device = st->st_dev,
            .inode = st->st_ino,
            .size = st->st_size,
            .modified = st->st_mtim,
            .changed = st->st_ctim,
    };
}

static gboolean same_time(const struct timespec *a, const struct timespec *b) {
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

gboolean file_stamp_equal(const FileStamp *a, const FileStamp *b) {
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
            same_time(&a->modified, &b->modified) && same_time(&a->changed, &b->changed);
}

static gint64 get_age(const FileStamp *stamp, gint64 now) {
    return now - ((gint64)stamp->changed.tv_sec * G_USEC_PER_SEC + stamp->changed.tv_nsec / 1000);
}

gboolean file_stamp_is_trusted(const FileStamp *stamp, gint64 now) {
    return get_age(stamp, now) >= FILE_TRUST_USEC;
}

gboolean file_stamp_is_fresh(const FileStamp *stamp, gint64 now, gint64 within) {
    gint64 age = get_age(stamp, now);

    return age < within && age > -CLOCK_SKEW;
}

gboolean file_visit(const FileVisitor *visitor, const char *path) {
    return !visitor || !visitor->file || visitor->file(path, visitor->userdata);
}

gboolean file_visit_directory(const FileVisitor *visitor, const char *path) {
    return !visitor || !visitor->directory || visitor->directory(path, visitor->userdata);
}

void file_fd_close(FileFd fd) {
    int saved_errno = errno;

    if (fd < 0)
        return;
    /* on Linux the descriptor is gone whatever close() returns */
    (void)close(fd);
    errno = saved_errno;
}

int file_check_regular(int fd, struct stat *ret_stat) {
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -ENOTSUP;
    if (ret_stat)
        *ret_stat = st;
    return 0;
}

int file_open(int dir_fd, const char *path, int flags, FileFd *ret_fd, struct stat *ret_stat) {
    g_auto(FileFd) fd = openat(dir_fd, path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    int r = fd < 0 ? -errno : file_check_regular(fd, ret_stat);

    if (r < 0)
        return r;
    *ret_fd = fd;
    fd = FILE_FD_NONE;
    return 0;
}

int file_open_regular(int dir_fd, const char *path, FileFd *ret_fd, struct stat *ret_stat) {
    struct stat st;

    /* opening a device can have side effects: check the type first */
    if (fstatat(dir_fd, path, &st, 0) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -ENOTSUP;
    return file_open(dir_fd, path, O_RDONLY, ret_fd, ret_stat);
}

gboolean file_status_is_null_device(const struct stat *st) {
    return S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3);
}

gboolean file_is_null_device(int dir_fd, const char *path) {
    struct stat st;

    return fstatat(dir_fd, path, &st, 0) == 0 && file_status_is_null_device(&st);
}

int file_read_at(int fd, guint64 offset, void *buffer, gsize size, gsize *ret_size) {
    gsize done = 0;

    while (done < size) {
        ssize_t n = pread(fd, (char *)buffer + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        done += (gsize)n;
    }

    *ret_size = done;
    return 0;
}

int file_read_all(int fd, gsize limit, GBytes **ret_bytes) {
    g_autofree char *buffer = NULL;
    gsize room = 0;
    gsize size = 0;

    do {
        gsize n = 0;
        int r;

        /* Most files are much smaller than LIMIT. One byte more than it detects a file that is too
         * large, even while it grows. */
        room = MIN(MAX(room * 4, 16 * 1024), limit + 1);
        buffer = g_realloc(buffer, room);
        r = file_read_at(fd, size, buffer + size, room - size, &n);
        if (r < 0)
            return r;
        size += n;
    } while (size == room && room <= limit);
    if (size > limit)
        return -EFBIG;

    *ret_bytes = g_bytes_new(buffer, size);
    return 0;
}

int file_read(int dir_fd, const char *path, gsize limit, GBytes **ret_bytes) {
    g_auto(FileFd) fd = FILE_FD_NONE;
    int r = file_open_regular(dir_fd, path, &fd, NULL);

    return r < 0 ? r : file_read_all(fd, limit, ret_bytes);
}

int file_write_all(int fd, const void *data, gsize size) {
    for (gsize done = 0; done < size;) {
        ssize_t n = write(fd, (const char *)data + done, size - done);

        if (n < 0 && errno != EINTR)
            return -errno;
        done += (gsize)MAX(n, 0);
    }
    return 0;
}

const char *file_describe_error(int error) {
    return error == -ENOTSUP ? "not a regular file" : g_strerror(-error);
}

gboolean file_is_at_fault(int error) {
    switch (error) {
    case -EMFILE:
    case -ENFILE:
    case -ENOMEM:
        return FALSE;
    default:
        return TRUE;
    }
}

gboolean file_is_missing(int error) {
    switch (error) {
    case -ENOENT:
    case -ELOOP:
    case -ENOTSUP:
    case -EISDIR:
    case -ENXIO:
        return TRUE;
    default:
        return FALSE;
    }
}
