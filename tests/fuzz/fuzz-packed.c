/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An archive of pack: what is read of it is complete and within its limits, and can be compared
 * with a resolution. */

#include <sys/mman.h>
#include <unistd.h>

#include "../../client/packed.h"
#include "fuzz.h"

static void check(const Packed *packed) {
    const PackedDigests digests = {.executable = "", .template = ""};
    g_autoptr(GVariant) resolution =
            g_variant_ref_sink(g_variant_new_parsed("{'name': <'here'>, 'device': <'flash'>}"));
    g_auto(GStrv) differences = NULL;
    gboolean is_equivalent;

    g_assert_nonnull(packed->architecture);
    g_assert_nonnull(packed->machine);
    g_assert_true(g_variant_is_of_type(packed->requirements, G_VARIANT_TYPE_VARDICT));
    g_assert_true((packed->nvram_format != NULL) == (packed->file.nvram >= 0));
    g_assert_cmpuint(packed->file.nvram_size, <=, PACKFILE_MAX_NVRAM);
    differences = packed_compare(packed, resolution, &digests, &is_equivalent);
    g_assert_nonnull(differences);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    g_auto(FileFd) fd = memfd_create("archive", MFD_CLOEXEC);
    g_autoptr(GError) error = NULL;
    g_auto(Packed) packed = PACKED_INIT;

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, data, size), ==, (gssize)size);
    g_assert_cmpint(lseek(fd, 0, SEEK_SET), ==, 0);
    if (packed_read(fd, "archive", &packed, &error))
        check(&packed);
    else
        g_assert_nonnull(error);
    return 0;
}
