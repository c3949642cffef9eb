/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "util-volume.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "uefi/volume.h"
#include "util.h"

#define VARIABLES "\x8d\x2b\xf1\xff\x96\x76\x8b\x4c\xa9\x85\x27\x47\x07\x5b\x4f\x50"
#define FILE_SYSTEM "\x78\xe5\x8c\x8c\x3d\x8a\x1c\x4f\x99\x35\x89\x61\x85\xc3\x2d\xd3"

void test_write_volumes(
        const char *dir, const char *name, gsize size, guint8 fill, const char *volumes,
        guint64 length) {
    g_autofree char *path = g_build_filename(dir, name, NULL);
    g_autofree guint8 *image = g_malloc(fill ? size : 0);
    g_auto(FileFd) fd = FILE_FD_NONE;
    g_auto(GStrv) list = g_strsplit(volumes, " ", 0);
    guint64 little_endian = GUINT64_TO_LE(length);

    if (fill)
        memset(image, fill, size);
    test_write(dir, name, image, fill ? size : 0);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    g_assert_no_errno(fd);
    g_assert_no_errno(ftruncate(fd, (off_t)size));
    for (char **volume = list; *volume && **volume; volume++) {
        const off_t offset = (off_t)g_ascii_strtoull(*volume + 1, NULL, 10);
        guint8 header[VOLUME_HEADER_SIZE] = {};

        memcpy(header + 16, **volume == 'v' ? VARIABLES : FILE_SYSTEM, 16);
        memcpy(header + 32, &little_endian, sizeof little_endian);
        memcpy(header + 40, "_FVH", 4);
        g_assert_cmpint(pwrite(fd, header, sizeof header, offset), ==, sizeof header);
    }
}
