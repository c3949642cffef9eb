/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A qcow2 image: what is read is a store of some health, and no more than a store is read; and its
 * content. */

#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "core/image.h"
#include "core/store-file.h"
#include "fuzz.h"
#include "uefi/guid-table.h"

static void check_content(int fd) {
    const ContentRead read = image_get_reader(IMAGE_FORMAT_QCOW2);
    ImageInfo info;
    Content content;
    guint entries;
    int r;

    g_assert_cmpint(image_probe_fd(fd, IMAGE_FORMAT_QCOW2, &info), ==, 0);
    if (info.status != IMAGE_STATUS_OK || info.is_foreign)
        return;
    r = content_probe(fd, info.size, read, &content);
    g_assert_true(r == 0 || r == -EOPNOTSUPP || r == -EUCLEAN);
    r = guid_table_read(fd, info.size, read, &entries);
    g_assert_true(r == 0 || r == -EOPNOTSUPP || r == -EUCLEAN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    g_auto(FileFd) fd = memfd_create("image", MFD_CLOEXEC);
    g_autoptr(Store) store = NULL;
    int r;

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, data, size), ==, (gssize)size);
    r = store_file_read(fd, IMAGE_FORMAT_QCOW2, &store);
    g_assert_true(r == 0 || r == -EOPNOTSUPP);
    g_assert_true((r == 0) == (store != NULL));
    if (store)
        g_assert_cmpuint(g_bytes_get_size(store->bytes), <=, STORE_MAX_LENGTH);
    check_content(fd);
    return 0;
}
