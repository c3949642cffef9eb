/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/image.h"

#include <string.h>

#include "core/qcow2.h"

/* QEMU docs/interop/qcow2.txt: all fields big-endian. */
#define QCOW2_MAGIC "QFI\xfb"
#define QCOW2_MAGIC_SIZE 4
#define QCOW2_HEADER_V2_SIZE 72
#define QCOW2_HEADER_V3_SIZE 104
#define QCOW2_MIN_CLUSTER_BITS 9
#define QCOW2_MAX_CLUSTER_BITS 21
#define QCOW2_EXTERNAL_DATA_FILE G_GUINT64_CONSTANT(0x4)
/* dirty, corrupt, external data file, compression type, extended L2 entries */
#define QCOW2_KNOWN_INCOMPATIBLE G_GUINT64_CONSTANT(0x1f)

gboolean image_info_equal(const ImageInfo *a, const ImageInfo *b) {
    return a->status == b->status && a->size == b->size && a->is_foreign == b->is_foreign &&
            content_equal(&a->content, &b->content);
}

static guint32 get_be32(const guint8 *p) {
    guint32 value;

    memcpy(&value, p, sizeof value);
    return GUINT32_FROM_BE(value);
}

static guint64 get_be64(const guint8 *p) {
    guint64 value;

    memcpy(&value, p, sizeof value);
    return GUINT64_FROM_BE(value);
}

static gboolean is_qcow2(const guint8 *head, gsize size) {
    return size >= QCOW2_MAGIC_SIZE && memcmp(head, QCOW2_MAGIC, QCOW2_MAGIC_SIZE) == 0;
}

/* FALSE: QEMU needs a key to open it, or does not open it. */
static gboolean read_qcow2(const guint8 *head, gsize size, ImageInfo *info) {
    guint32 version;
    guint32 cluster_bits;

    if (!is_qcow2(head, size) || size < QCOW2_HEADER_V2_SIZE)
        return FALSE;

    version = get_be32(head + 4);
    cluster_bits = get_be32(head + 20);
    if ((version != 2 && version != 3) || cluster_bits < QCOW2_MIN_CLUSTER_BITS ||
        cluster_bits > QCOW2_MAX_CLUSTER_BITS || get_be32(head + 32) != 0 /* encryption */)
        return FALSE;

    if (version == 3) {
        if (size < QCOW2_HEADER_V3_SIZE)
            return FALSE;
        info->is_foreign =
                (get_be64(head + 72) & (~QCOW2_KNOWN_INCOMPATIBLE | QCOW2_EXTERNAL_DATA_FILE)) != 0;
        if (get_be64(head + 72) & ~QCOW2_KNOWN_INCOMPATIBLE)
            return FALSE;
    }

    /* QEMU rounds down to whole sectors */
    if (get_be64(head + 8) != 0)
        info->is_foreign = TRUE;
    if (get_be64(head + 24) > G_MAXINT64)
        return FALSE; /* larger than any file */
    info->size = get_be64(head + 24) & ~G_GUINT64_CONSTANT(511);
    return TRUE;
}

/* QEMU accepts an empty store, without variables. */
static gboolean is_json_store(const guint8 *head, gsize size) {
    for (gsize i = 0; i < size; i++)
        if (!g_ascii_isspace(head[i]))
            return head[i] == '{';

    return size == 0;
}

int image_probe_fd(int fd, ImageFormat format, ImageInfo *ret) {
    guint8 head[512];
    struct stat st;
    gboolean is_ok = FALSE;
    gsize size;
    int r;

    if (fstat(fd, &st) < 0)
        return -errno;
    r = file_read_at(fd, 0, head, sizeof head, &size);
    if (r < 0)
        return r;

    *ret = (ImageInfo){.status = IMAGE_STATUS_OK};
    switch (format) {
    case IMAGE_FORMAT_RAW:
        is_ok = !is_qcow2(head, size);
        ret->size = (guint64)st.st_size;
        break;
    case IMAGE_FORMAT_QCOW2:
        is_ok = read_qcow2(head, size, ret);
        break;
    case IMAGE_FORMAT_JSON:
        is_ok = is_json_store(head, size);
        if (is_ok && st.st_size > IMAGE_JSON_MAX_SIZE)
            *ret = (ImageInfo){.status = IMAGE_STATUS_TOO_LARGE, .size = (guint64)st.st_size};
        break;
    }

    if (!is_ok)
        *ret = (ImageInfo){.status = IMAGE_STATUS_BAD_FORMAT, .is_foreign = ret->is_foreign};
    return 0;
}

static int read_raw(int fd, guint64 offset, guint8 *buffer, gsize n) {
    gsize size;
    int r = file_read_at(fd, offset, buffer, n, &size);

    return r < 0 ? r : size < n ? -EIO : 0;
}

ContentRead image_get_reader(ImageFormat format) {
    return format == IMAGE_FORMAT_QCOW2 ? qcow2_read : read_raw;
}

static int probe_content(int fd, ImageFormat format, ImageInfo *info) {
    int r;

    if (info->status != IMAGE_STATUS_OK || info->is_foreign || format == IMAGE_FORMAT_JSON)
        return 0;
    r = content_probe(fd, info->size, image_get_reader(format), &info->content);
    /* qemu-img creates a blank qcow2, which is filled later */
    if (r == -EUCLEAN || r == -EOPNOTSUPP ||
        (r == 0 && format == IMAGE_FORMAT_QCOW2 && info->content.kind == CONTENT_BLANK)) {
        info->content = (Content){};
        r = 0;
    }
    return r;
}

int image_probe(const FileRoot *root, const char *path, const char *format, ImageInfo *ret) {
    g_auto(FileFd) fd = FILE_FD_NONE;
    ImageFormat known_format;
    int r;

    r = root_open_regular(root, path, &fd, NULL);
    if (r < 0) {
        if (!file_is_at_fault(r))
            return r;
        *ret = (ImageInfo){
                .status = r == -ENOENT || r == -ENOTDIR ? IMAGE_STATUS_MISSING
                                                        : IMAGE_STATUS_UNREADABLE,
        };
        return 0;
    }

    if (!image_format_from_string(format, &known_format)) {
        *ret = (ImageInfo){.status = IMAGE_STATUS_BAD_FORMAT};
        return 0;
    }

    r = image_probe_fd(fd, known_format, ret);
    if (r >= 0)
        r = probe_content(fd, known_format, ret);
    if (r < 0 && file_is_at_fault(r)) {
        *ret = (ImageInfo){.status = IMAGE_STATUS_UNREADABLE};
        return 0;
    }
    return r;
}
