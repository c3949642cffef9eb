/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/qcow2.h"

#include <string.h>
#include <zlib.h>

#include "base/file.h"

#define HEADER_SIZE 112
#define VERSION_3_SIZE 104
#define COMPRESSION_TYPE (G_GUINT64_CONSTANT(1) << 3)
#define EXTENDED_L2 (G_GUINT64_CONSTANT(1) << 4)

/* of an entry in the L1 or L2 table */
#define OFFSET_MASK G_GUINT64_CONSTANT(0x00fffffffffffe00)
#define IS_COMPRESSED (G_GUINT64_CONSTANT(1) << 62)
#define IS_ZERO G_GUINT64_CONSTANT(1)

#define SECTOR_SIZE 512
#define SUBCLUSTERS 32
#define DEFLATE_WINDOW_BITS 12

typedef struct Image {
    int fd;
    guint cluster_bits;
    guint entry_size; /* of an L2 table */
    guint entries_bits;
    guint64 l1_table;
    guint32 l1_size;
    gboolean is_zlib;
    gboolean has_zero_flag;
} Image;

static guint64 get_be(const guint8 *bytes, gsize size) {
    guint64 value = 0;

    for (gsize i = 0; i < size; i++)
        value = value << 8 | bytes[i];
    return value;
}

/* Bytes behind the end of the file are zeros. */
static int read_padded(int fd, guint64 offset, guint8 *buffer, gsize size) {
    gsize n = 0;
    int r = offset > (guint64)G_MAXINT64 - size ? -EUCLEAN
                                                : file_read_at(fd, offset, buffer, size, &n);

    if (r >= 0)
        memset(buffer + n, 0, size - n);
    return r;
}

static int read_header(int fd, Image *image) {
    guint8 header[HEADER_SIZE];
    guint64 incompatible = 0;
    int r = read_padded(fd, 0, header, sizeof header);

    if (r < 0)
        return r;
    *image = (Image){
            .fd = fd,
            .cluster_bits = (guint)get_be(header + 20, 4),
            .l1_size = (guint32)get_be(header + 36, 4),
            .l1_table = get_be(header + 40, 8),
            .entry_size = 8,
            .is_zlib = TRUE,
    };
    if (get_be(header + 4, 4) >= 3) {
        incompatible = get_be(header + 72, 8);
        image->has_zero_flag = TRUE;
    }
    if (incompatible & COMPRESSION_TYPE)
        image->is_zlib = get_be(header + 100, 4) > VERSION_3_SIZE && header[VERSION_3_SIZE] == 0;
    if (incompatible & EXTENDED_L2)
        image->entry_size = 16;
    /* the caller has checked the header, but the file can change */
    if (image->cluster_bits < 9 || image->cluster_bits > 21)
        return -EUCLEAN;
    image->entries_bits = image->cluster_bits - (image->entry_size == 16 ? 4 : 3);
    return 0;
}

/* Returns the place of the cluster with the guest's OFFSET. *RET_BITMAP is that of an extended
 * entry. */
static int find_cluster(
        const Image *image, guint64 offset, guint64 *ret_entry, guint64 *ret_bitmap) {
    const guint64 l1_index = offset >> (image->cluster_bits + image->entries_bits);
    const guint64 l2_index =
            offset >> image->cluster_bits & ((G_GUINT64_CONSTANT(1) << image->entries_bits) - 1);
    guint8 entry[16];
    guint64 table;
    int r;

    *ret_entry = *ret_bitmap = 0;
    if (l1_index >= image->l1_size)
        return 0;
    if (image->l1_table > G_MAXINT64)
        return -EUCLEAN;
    r = read_padded(image->fd, image->l1_table + l1_index * 8, entry, 8);
    table = get_be(entry, 8) & OFFSET_MASK;
    if (r < 0 || table == 0)
        return r;
    r = read_padded(image->fd, table + l2_index * image->entry_size, entry, image->entry_size);
    if (r < 0)
        return r;
    *ret_entry = get_be(entry, 8);
    *ret_bitmap = image->entry_size == 16 ? get_be(entry + 8, 8) : 0;
    return 0;
}

/* Reads a whole cluster into CLUSTER. */
static int read_compressed(const Image *image, guint64 entry, guint8 *cluster) {
    const guint offset_bits = 62 - (image->cluster_bits - 8);
    const guint64 offset = entry & ((G_GUINT64_CONSTANT(1) << offset_bits) - 1);
    const guint64 sectors = ((entry & (IS_COMPRESSED - 1)) >> offset_bits) + 1;
    const gsize size = (gsize)(sectors * SECTOR_SIZE - offset % SECTOR_SIZE);
    const gsize cluster_size = (gsize)1 << image->cluster_bits;
    g_autofree guint8 *bytes = NULL;
    z_stream stream = {};
    gboolean is_complete;
    int r;

    if (!image->is_zlib)
        return -EOPNOTSUPP;
    bytes = g_malloc(size);
    r = read_padded(image->fd, offset, bytes, size);
    if (r < 0)
        return r;
    if (inflateInit2(&stream, -DEFLATE_WINDOW_BITS) != Z_OK)
        return -ENOMEM;
    stream.next_in = bytes;
    stream.avail_in = (guint)size;
    stream.next_out = cluster;
    stream.avail_out = (guint)cluster_size;
    /* as QEMU: the sectors can hold more than this cluster's data */
    r = inflate(&stream, Z_FINISH);
    is_complete = (r == Z_STREAM_END || r == Z_BUF_ERROR) && stream.avail_out == 0;
    (void)inflateEnd(&stream);
    return is_complete ? 0 : -EUCLEAN;
}

/* Reads N bytes of subclusters: BITMAP has one bit for "allocated" and one for "zeros" of each. */
static int read_subclusters(
        const Image *image, guint64 entry, guint64 bitmap, guint8 *buffer, gsize n) {
    const gsize size = ((gsize)1 << image->cluster_bits) / SUBCLUSTERS;

    for (gsize i = 0; i * size < n; i++) {
        const gboolean is_allocated = bitmap >> i & 1, is_zero = bitmap >> (SUBCLUSTERS + i) & 1;
        const gsize part = MIN(size, n - i * size);
        int r = 0;

        if (is_allocated && is_zero)
            return -EUCLEAN;
        if (is_allocated)
            r = read_padded(image->fd, (entry & OFFSET_MASK) + i * size, buffer + i * size, part);
        else
            memset(buffer + i * size, 0, part);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Reads the first N bytes of the cluster with the guest's OFFSET. CLUSTER is scratch memory. */
static int read_cluster(
        const Image *image, guint64 offset, guint8 *buffer, gsize n, guint8 *cluster) {
    guint64 entry, bitmap;
    int r = find_cluster(image, offset, &entry, &bitmap);

    if (r < 0)
        return r;
    if (entry & IS_COMPRESSED) {
        r = read_compressed(image, entry, cluster);
        if (r >= 0)
            memcpy(buffer, cluster, n);
        return r;
    }
    if (image->entry_size == 16)
        return read_subclusters(image, entry, bitmap, buffer, n);
    if ((entry & OFFSET_MASK) == 0 || (image->has_zero_flag && (entry & IS_ZERO))) {
        memset(buffer, 0, n);
        return 0;
    }
    return read_padded(image->fd, entry & OFFSET_MASK, buffer, n);
}

int qcow2_read(int fd, guint64 offset, guint8 *buffer, gsize size) {
    g_autofree guint8 *scratch = NULL;
    g_autofree guint8 *cluster = NULL;
    gsize cluster_size;
    gsize at = 0;
    Image image;
    int r = read_header(fd, &image);

    if (r < 0)
        return r;
    cluster_size = (gsize)1 << image.cluster_bits;
    scratch = g_malloc0(cluster_size);
    cluster = g_malloc(cluster_size);
    while (r >= 0 && at < size) {
        const gsize skipped = (gsize)((offset + at) & (cluster_size - 1));
        const gsize n = MIN(cluster_size - skipped, size - at);

        r = read_cluster(&image, offset + at - skipped, cluster, skipped + n, scratch);
        if (r >= 0)
            memcpy(buffer + at, cluster + skipped, n);
        at += n;
    }
    return r;
}
