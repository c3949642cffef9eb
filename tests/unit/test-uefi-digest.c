/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "uefi/digest.h"

#include <errno.h>
#include <fcntl.h>

#include "base/file.h"
#include "util.h"

static int open_below(const char *dir, const char *name, FileFd *ret) {
    g_autofree char *path = g_build_filename(dir, name, NULL);

    return file_open_regular(AT_FDCWD, path, ret, NULL);
}

static void assert_digest(const char *dir, const char *name, guint64 size, const char *expected) {
    g_auto(FileFd) fd = FILE_FD_NONE;
    g_autofree char *digest = NULL;

    g_assert_cmpint(open_below(dir, name, &fd), ==, 0);
    g_assert_cmpint(digest_file(fd, size, &digest), ==, expected ? 0 : -ENODATA);
    g_assert_cmpstr(digest, ==, expected);
}

static void digests_are_sha_256(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autofree char *data = g_strnfill(1000000, 'a');
    char *unset = NULL;

    test_write_text(dir, "abc", "abc");
    test_write(dir, "million", data, 1000000);
    /* FIPS 180-2, appendix B */
    assert_digest(
            dir, "abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_digest(
            dir, "million", 1000000,
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    assert_digest(
            dir, "abc", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    /* the beginning of a file */
    assert_digest(
            dir, "million", 1, "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb");
    assert_digest(dir, "abc", 4, NULL);
    g_assert_cmpint(digest_file(-1, 3, &unset), ==, -EBADF);
    g_assert_null(unset);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(digests_are_sha_256),
    };

    return test_main(argc, argv, "uefi-digest", cases, G_N_ELEMENTS(cases));
}
