/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An image file's first bytes, in each format. */

#include <sys/mman.h>
#include <unistd.h>

#include "uefi/guid-table.h"
#include "base/file.h"
#include "core/flash.h"
#include "fuzz.h"
#include "core/image.h"

static FileFd make_file(const uint8_t *data, size_t size) {
    FileFd fd = memfd_create("image", MFD_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, data, size), ==, (gssize)size);
    return fd;
}

static void check_content(int fd, size_t size) {
    Content content;
    guint entries;

    g_assert_cmpint(content_probe(fd, size, image_get_reader(IMAGE_FORMAT_RAW), &content), ==, 0);
    g_assert_true(content.kind >= CONTENT_UNKNOWN && content.kind <= CONTENT_WHOLE);
    g_assert_true(size > 0 || content.kind == CONTENT_UNKNOWN);
    g_assert_cmpint(guid_table_read(fd, size, image_get_reader(IMAGE_FORMAT_RAW), &entries), ==, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    g_auto(FileFd) fd = make_file(data, size);

    for (ImageFormat format = IMAGE_FORMAT_RAW; format <= IMAGE_FORMAT_JSON; format++) {
        ImageInfo info;

        g_assert_cmpint(image_probe_fd(fd, format, &info), ==, 0);
        g_assert_true(
                info.status == IMAGE_STATUS_OK || info.status == IMAGE_STATUS_BAD_FORMAT ||
                info.status == IMAGE_STATUS_TOO_LARGE);
        if (info.status != IMAGE_STATUS_OK)
            continue;

        g_assert_true(format != IMAGE_FORMAT_RAW || info.size == size);
        g_assert_true(format != IMAGE_FORMAT_QCOW2 || info.size == flash_backend_size(info.size));
        g_assert_true(format != IMAGE_FORMAT_JSON || info.size == 0);
    }
    check_content(fd, size);
    return 0;
}
