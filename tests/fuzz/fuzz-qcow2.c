/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A qcow2 image: what is read is a store of some health, and no more than a store is read. */

#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "core/store-file.h"
#include "fuzz.h"

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
    return 0;
}
