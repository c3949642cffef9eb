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

void test_put_volume(guint8 *header, gboolean is_of_variables, guint64 length) {
    guint64 little_endian = GUINT64_TO_LE(length);

    memset(header, 0, VOLUME_HEADER_SIZE);
    memcpy(header + 16, is_of_variables ? VARIABLES : FILE_SYSTEM, 16);
    memcpy(header + 32, &little_endian, sizeof little_endian);
    memcpy(header + 40, "_FVH", 4);
}

void test_write_volumes(
        const char *dir, const char *name, gsize size, guint8 fill, const char *volumes,
        guint64 length) {
    g_autofree char *path = g_build_filename(dir, name, NULL);
    g_autofree guint8 *image = g_malloc(fill ? size : 0);
    g_auto(FileFd) fd = FILE_FD_NONE;
    g_auto(GStrv) list = g_strsplit(volumes, " ", 0);

    if (fill)
        memset(image, fill, size);
    test_write(dir, name, image, fill ? size : 0);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    g_assert_no_errno(fd);
    g_assert_no_errno(ftruncate(fd, (off_t)size));
    for (char **volume = list; *volume && **volume; volume++) {
        const off_t offset = (off_t)g_ascii_strtoull(*volume + 1, NULL, 10);
        guint8 header[VOLUME_HEADER_SIZE];

        test_put_volume(header, **volume == 'v', length);
        g_assert_cmpint(pwrite(fd, header, sizeof header, offset), ==, sizeof header);
    }
}

#define SEV_METADATA "\x66\x65\x88\xdc\x4a\x98\x98\x47\xa7\x5e\x55\x85\xa7\xbf\x67\xcc"
#define TDX_METADATA "\x35\x65\x7a\xe4\x4a\x98\x98\x47\x86\x5e\x46\x85\xa7\xbf\x8e\xc2"
#define TABLE_FOOTER "\xde\x82\xb5\x96\xb2\x1f\xf7\x45\xba\xea\xa3\x66\xc5\x5a\x08\x2d"

/* Data of 4 bytes, the length, the GUID; END is behind them. */
static guint8 *put_entry(guint8 *end, const char *guid, guint16 length) {
    const guint16 little_endian = GUINT16_TO_LE(length);

    memcpy(end - 16, guid, 16);
    memcpy(end - 18, &little_endian, sizeof little_endian);
    return end - 18;
}

void test_put_guid_table(guint8 *image, gsize size, const char *entries) {
    const gsize n = strlen(entries);
    guint8 *end = put_entry(image + size - 32, TABLE_FOOTER, (guint16)(18 + n * 22));

    for (gsize i = n; i > 0; i--)
        end = put_entry(
                      end,
                      entries[i - 1] == 's'           ? SEV_METADATA
                              : entries[i - 1] == 't' ? TDX_METADATA
                                                      : FILE_SYSTEM,
                      22) -
                4;
}
