/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "file.h"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

void file_fd_close(FileFd fd) {
    int saved_errno = errno;

    /* on Linux the descriptor is gone whatever close() returns */
    (void)close(fd);
    errno = saved_errno;
}

int file_open_regular(int dir_fd, const char *path, FileFd *ret_fd, struct stat *ret_stat) {
    g_auto(FileFd) fd = FILE_FD_NONE;
    struct stat st;

    /* opening a device can have effects, so look at what it is before */
    if (fstatat(dir_fd, path, &st, 0) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -ENOTSUP;

    fd = openat(dir_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return -errno;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -ENOTSUP;

    *ret_fd = fd;
    fd = FILE_FD_NONE;
    if (ret_stat)
        *ret_stat = st;
    return 0;
}

gboolean file_is_null_device(int dir_fd, const char *path) {
    struct stat st;

    return fstatat(dir_fd, path, &st, 0) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
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
    /* one byte more than allowed tells "full" from "too large", even for a file that grows */
    g_autofree char *buffer = g_malloc(limit + 1);
    gsize size;
    int r;

    r = file_read_at(fd, 0, buffer, limit + 1, &size);
    if (r < 0)
        return r;
    if (size > limit)
        return -EFBIG;

    *ret_bytes = g_bytes_new(buffer, size);
    return 0;
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
