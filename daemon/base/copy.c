/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/copy.h"

#include <errno.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/file.h"

#define HOLE_SIZE 4096

static gboolean is_zero(const guint8 *data, gsize size) {
    return size == 0 || (data[0] == 0 && memcmp(data, data + 1, size - 1) == 0);
}

int copy_chunk(int to, const void *chunk, gsize size) {
    const guint8 *data = chunk;
    gsize begin = 0;

    while (begin < size) {
        gsize end = begin;
        gsize hole;
        int r;

        while (end < size && !is_zero(data + end, MIN(HOLE_SIZE, size - end)))
            end += MIN(HOLE_SIZE, size - end);
        r = file_write_all(to, data + begin, end - begin);
        if (r < 0)
            return r;
        hole = MIN(HOLE_SIZE, size - end);
        if (lseek(to, (off_t)hole, SEEK_CUR) < 0)
            return -errno;
        begin = end + hole;
    }
    return 0;
}

/* Returns the first offset from OFFSET on that holds data, or SIZE. */
static guint64 find_data(int fd, guint64 offset, guint64 size) {
    off_t data = lseek(fd, (off_t)offset, SEEK_DATA);

    if (data < 0)
        return errno == ENXIO ? size : offset; /* a file system without holes */
    return MIN((guint64)data, size);
}

static int copy_data(int from, int to, guint64 size) {
    g_autofree guint8 *chunk = g_malloc(FILE_CHUNK_SIZE);
    guint64 offset = 0;

    while ((offset = find_data(from, offset, size)) < size) {
        gsize wanted = MIN(FILE_CHUNK_SIZE, size - offset);
        gsize n;
        int r;

        r = file_read_at(from, offset, chunk, wanted, &n);
        if (r < 0)
            return r;
        if (n < wanted)
            return -ENODATA;
        if (lseek(to, (off_t)offset, SEEK_SET) < 0)
            return -errno;
        r = copy_chunk(to, chunk, n);
        if (r < 0)
            return r;
        offset += n;
    }
    return 0;
}

int copy_file(int from, int to, guint64 size, guint64 total_size) {
    struct stat st;

    if (fstat(from, &st) < 0)
        return -errno;
    if ((guint64)st.st_size < size)
        return -ENODATA;

    /* FICLONE clones the whole file */
    if ((guint64)st.st_size != size || ioctl(to, FICLONE, from) < 0) {
        int r = copy_data(from, to, size);
        if (r < 0)
            return r;
    }

    return ftruncate(to, (off_t)total_size) < 0 ? -errno : 0;
}
