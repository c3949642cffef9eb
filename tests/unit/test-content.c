/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "uefi/content.h"

#include <fcntl.h>

#include "base/file.h"
#include "util-volume.h"
#include "util.h"

static int read_at(int fd, guint64 offset, guint8 *buffer, gsize n) {
    gsize size;
    int r = file_read_at(fd, offset, buffer, n, &size);

    g_assert_cmpuint(size, ==, n);
    return r;
}

static Content probe(const char *root) {
    g_autofree char *path = g_build_filename(root, "image", NULL);
    g_auto(FileFd) fd = FILE_FD_NONE;
    Content content;
    struct stat st;

    g_assert_cmpint(file_open_regular(AT_FDCWD, path, &fd, &st), ==, 0);
    g_assert_cmpint(content_probe(fd, (guint64)st.st_size, read_at, &content), ==, 0);
    return content;
}

static void volumes_tell(void) {
    static const struct {
        const char *volumes;
        guint64 length;
        ContentKind kind;
        guint64 variables;
        guint64 end;
    } images[] = {
            {"c0", 65536, CONTENT_CODE, 0, 65536},
            {"c0 c65536", 65536, CONTENT_CODE, 0, 131072},
            {"v0", 131072, CONTENT_VARIABLES, 131072, 131072},
            /* Arm's images begin with a block of other things */
            {"c4096", 65536, CONTENT_CODE, 0, 69632},
            /* a whole image has its variables first */
            {"v0 c65536", 65536, CONTENT_WHOLE, 65536, 131072},
            {"v0 v65536", 65536, CONTENT_VARIABLES, 65536, 131072},
            /* behind the end, and behind every end */
            {"v0 c65536", 131072, CONTENT_VARIABLES, 131072, 131072},
            {"v0 c65536", G_MAXUINT64, CONTENT_VARIABLES, G_MAXUINT64, G_MAXINT64},
            {"c0 c65536", 131073, CONTENT_CODE, 0, 131073},
            {"v0", 0, CONTENT_VARIABLES, 0, 0},
            /* between two blocks there is none, and further on nobody looks */
            {"c4100", 65536, CONTENT_UNKNOWN, 0, 0},
            {"c65536", 65536, CONTENT_UNKNOWN, 0, 0},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(images); i++) {
        g_autoptr(TestDir) root = test_dir_new();
        Content content;

        test_write_volumes(root, "image", 131072, 7, images[i].volumes, images[i].length);
        content = probe(root);
        g_assert_cmpint(content.kind, ==, images[i].kind);
        g_assert_cmpuint(content.variables, ==, images[i].variables);
        g_assert_cmpuint(content.end, ==, images[i].end);
    }
}

/* Volumes are as short as a header: what an image says of itself does not set how long it is read.
 */
static void no_more_than_64_volumes_are_read(void) {
    g_autoptr(TestDir) root = test_dir_new();

    for (guint code = 63; code <= 64; code++) {
        g_autoptr(GString) volumes = g_string_new(NULL);
        Content content;

        for (guint i = 0; i < code; i++)
            g_string_append_printf(volumes, "v%u ", i * 4096);
        g_string_append_printf(volumes, "c%u", code * 4096);
        test_write_volumes(root, "image", 65 * 4096, 7, volumes->str, 4096);
        content = probe(root);
        g_assert_cmpint(content.kind, ==, code < 64 ? CONTENT_WHOLE : CONTENT_VARIABLES);
        g_assert_cmpuint(content.end, ==, 64 * 4096);
    }
}

static void one_byte_all_over_is_blank(void) {
    static const struct {
        guint8 fill;
        ContentKind expected;
    } images[] = {{0, CONTENT_BLANK}, {0xff, CONTENT_BLANK}, {1, CONTENT_UNKNOWN}};

    for (gsize i = 0; i < G_N_ELEMENTS(images); i++) {
        g_autoptr(TestDir) root = test_dir_new();

        test_write_volumes(root, "image", 70000, images[i].fill, "", 0);
        g_assert_cmpint(probe(root).kind, ==, images[i].expected);
    }
}

/* x86 starts at the end of an image, other machines at its beginning. */
static void one_end_that_is_not_blank_is_enough(void) {
    static const struct {
        gsize other;
        ContentKind expected;
    } images[] = {
            {0, CONTENT_UNKNOWN},     {70000, CONTENT_UNKNOWN},   {1048575, CONTENT_UNKNOWN},
            {1500000, CONTENT_BLANK}, {2097151, CONTENT_UNKNOWN},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(images); i++) {
        g_autoptr(TestDir) root = test_dir_new();
        g_autofree guint8 *image = g_malloc0(2097152);

        image[images[i].other] = 1;
        test_write(root, "image", image, 2097152);
        g_assert_cmpint(probe(root).kind, ==, images[i].expected);
    }
}

static void a_short_image_is_unknown(void) {
    g_autoptr(TestDir) root = test_dir_new();

    test_write_text(root, "image", "");
    g_assert_cmpint(probe(root).kind, ==, CONTENT_UNKNOWN);
    test_write_text(root, "image", "_FVH");
    g_assert_cmpint(probe(root).kind, ==, CONTENT_UNKNOWN);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(volumes_tell),
            TEST_CASE(no_more_than_64_volumes_are_read),
            TEST_CASE(one_byte_all_over_is_blank),
            TEST_CASE(one_end_that_is_not_blank_is_enough),
            TEST_CASE(a_short_image_is_unknown),
    };

    return test_main(argc, argv, "content", cases, G_N_ELEMENTS(cases));
}
