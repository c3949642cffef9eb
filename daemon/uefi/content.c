/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "uefi/content.h"

#include "uefi/volume.h"

/* volumes begin at flash blocks; in Arm's images one block of other data comes first */
#define VOLUME_ALIGNMENT 4096

#define HEAD_SIZE (64 * 1024)

/* OVMF's images have three volumes. */
#define MAX_VOLUMES 64

/* A machine starts its firmware at one end of the flash, so no code begins behind this. Larger than
 * each variable store. */
#define BLANK_SIZE (1024 * 1024)

gboolean content_equal(const Content *a, const Content *b) {
    return a->kind == b->kind && a->variables == b->variables && a->end == b->end;
}

/* An image that is read. */
typedef struct Source {
    int fd;
    guint64 size;
    ContentRead read;
} Source;

/* Walks over the volumes from OFFSET on, each of which begins where the one before it ends. */
static int walk_volumes(const Source *source, guint64 offset, Content *content) {
    for (guint i = 0; i < MAX_VOLUMES; i++) {
        guint8 header[VOLUME_HEADER_SIZE];
        guint64 length;
        int r;

        if (offset > source->size || source->size - offset < sizeof header)
            return 0;
        r = source->read(source->fd, offset, header, sizeof header);
        if (r < 0 || !volume_has_signature(header))
            return r;

        length = volume_get_length(header);
        if (!volume_is_of_variables(header)) {
            content->kind = content->variables > 0 ? CONTENT_WHOLE : CONTENT_CODE;
        } else if (content->kind == CONTENT_UNKNOWN) {
            content->kind = CONTENT_VARIABLES;
            content->variables = length;
        }
        if (length < VOLUME_HEADER_SIZE)
            return 0;
        content->end = length > G_MAXINT64 - offset ? G_MAXINT64 : offset + length;
        offset = content->end;
    }
    return 0;
}

static gboolean is_filled(const guint8 *bytes, gsize size, guint8 fill) {
    for (gsize i = 0; i < size; i++)
        if (bytes[i] != fill)
            return FALSE;
    return TRUE;
}

/* Clears *IS_BLANK if a byte from OFFSET to END is not FILL. */
static int compare(
        const Source *source, guint64 offset, guint64 end, guint8 *buffer, guint8 fill,
        gboolean *is_blank) {
    while (*is_blank && offset < end) {
        const gsize n = (gsize)MIN(HEAD_SIZE, end - offset);
        int r = source->read(source->fd, offset, buffer, n);

        if (r < 0)
            return r;
        *is_blank = is_filled(buffer, n, fill);
        offset += n;
    }
    return 0;
}

/* HEAD holds the first N bytes, and serves as a buffer. */
static int probe_blank(const Source *source, guint8 *head, gsize n, Content *content) {
    const guint64 size = source->size;
    const guint8 fill = head[0];
    gboolean is_blank = n > 0 && (fill == 0 || fill == 0xff) && is_filled(head, n, fill);
    int r = compare(source, n, MIN(size, BLANK_SIZE), head, fill, &is_blank);

    if (r >= 0)
        r = compare(source, size - MIN(size, HEAD_SIZE), size, head, fill, &is_blank);
    if (r >= 0 && is_blank)
        content->kind = CONTENT_BLANK;
    return r;
}

int content_probe(int fd, guint64 size, ContentRead read, Content *ret) {
    const Source source = {.fd = fd, .size = size, .read = read};
    const gsize n = (gsize)MIN(size, HEAD_SIZE);
    g_autofree guint8 *head = g_malloc0(HEAD_SIZE);
    int r = read(fd, 0, head, n);

    *ret = (Content){.kind = CONTENT_UNKNOWN};
    if (r < 0)
        return r;

    for (gsize offset = 0; offset + VOLUME_HEADER_SIZE <= n; offset += VOLUME_ALIGNMENT)
        if (volume_has_signature(head + offset))
            return walk_volumes(&source, offset, ret);
    return probe_blank(&source, head, n, ret);
}
