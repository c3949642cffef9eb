/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "uefi/content.h"

#include <fcntl.h>

#include "base/file.h"
#include "uefi/volume.h"

/* volumes begin at flash blocks; in Arm's images one block of other data comes first */
#define VOLUME_ALIGNMENT 4096

#define HEAD_SIZE (64 * 1024)

static gboolean is_blank(const guint8 *head, gsize size) {
    if (size == 0 || (head[0] != 0 && head[0] != 0xff))
        return FALSE;
    for (gsize i = 1; i < size; i++)
        if (head[i] != head[0])
            return FALSE;
    return TRUE;
}

/* Probes for a volume behind a variable store of LENGTH bytes at OFFSET. */
static int probe_next(int fd, guint64 offset, guint64 length, Content *ret) {
    guint8 header[VOLUME_HEADER_SIZE];
    gsize size;
    int r;

    *ret = CONTENT_VARIABLES;
    if (length > G_MAXINT64 - offset)
        return 0;
    r = file_read_at(fd, offset + length, header, sizeof header, &size);
    if (r < 0)
        return r;
    if (size == sizeof header && volume_has_signature(header) && !volume_is_of_variables(header))
        *ret = CONTENT_CODE;
    return 0;
}

static int probe_fd(int fd, Content *ret) {
    g_autofree guint8 *head = g_malloc(HEAD_SIZE);
    gsize size;
    int r = file_read_at(fd, 0, head, HEAD_SIZE, &size);

    if (r < 0)
        return r;

    for (gsize offset = 0; offset + VOLUME_HEADER_SIZE <= size; offset += VOLUME_ALIGNMENT) {
        const guint8 *header = head + offset;

        if (!volume_has_signature(header))
            continue;
        if (volume_is_of_variables(header))
            return probe_next(fd, offset, volume_get_length(header), ret);
        *ret = CONTENT_CODE;
        return 0;
    }
    *ret = is_blank(head, size) ? CONTENT_BLANK : CONTENT_UNKNOWN;
    return 0;
}

int content_probe(const char *path, Content *ret) {
    g_auto(FileFd) fd = FILE_FD_NONE;
    int r = file_open_regular(AT_FDCWD, path, &fd, NULL);

    if (r >= 0)
        r = probe_fd(fd, ret);
    if (r >= 0 || !file_is_at_fault(r))
        return r;
    *ret = CONTENT_UNKNOWN;
    return 0;
}
