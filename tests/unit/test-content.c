/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "uefi/content.h"

#include "util-volume.h"
#include "util.h"

static void assert_content(const char *root, Content expected) {
    g_autofree char *path = g_build_filename(root, "image", NULL);
    Content content;

    g_assert_cmpint(content_probe(path, &content), ==, 0);
    g_assert_cmpint(content, ==, expected);
}

static void volumes_tell(void) {
    static const struct {
        const char *volumes;
        guint64 length;
        Content expected;
    } images[] = {
            {"c0", 65536, CONTENT_CODE},
            {"v0", 131072, CONTENT_VARIABLES},
            /* Arm's images begin with a block of other things */
            {"c4096", 65536, CONTENT_CODE},
            /* a whole image has its variables first */
            {"v0 c65536", 65536, CONTENT_CODE},
            {"v0 v65536", 65536, CONTENT_VARIABLES},
            /* behind the end, and behind every end */
            {"v0 c65536", 131072, CONTENT_VARIABLES},
            {"v0 c65536", G_MAXUINT64, CONTENT_VARIABLES},
            {"v0", 0, CONTENT_VARIABLES},
            /* between two blocks there is none, and further on nobody looks */
            {"c4100", 65536, CONTENT_UNKNOWN},
            {"c65536", 65536, CONTENT_UNKNOWN},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(images); i++) {
        g_autoptr(TestDir) root = test_dir_new();

        test_write_volumes(root, "image", 131072, 7, images[i].volumes, images[i].length);
        assert_content(root, images[i].expected);
    }
}

static void one_byte_all_over_is_blank(void) {
    static const struct {
        guint8 fill;
        Content expected;
    } images[] = {{0, CONTENT_BLANK}, {0xff, CONTENT_BLANK}, {1, CONTENT_UNKNOWN}};

    for (gsize i = 0; i < G_N_ELEMENTS(images); i++) {
        g_autoptr(TestDir) root = test_dir_new();

        test_write_volumes(root, "image", 70000, images[i].fill, "", 0);
        assert_content(root, images[i].expected);
    }
}

static void what_is_short_or_not_there_is_unknown(void) {
    g_autoptr(TestDir) root = test_dir_new();

    assert_content(root, CONTENT_UNKNOWN);
    test_write_text(root, "image", "");
    assert_content(root, CONTENT_UNKNOWN);
    test_write_text(root, "image", "_FVH");
    assert_content(root, CONTENT_UNKNOWN);
}

static void a_directory_is_unknown(void) {
    g_autoptr(TestDir) root = test_dir_new();

    g_free(test_mkdir(root, "image"));
    assert_content(root, CONTENT_UNKNOWN);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(volumes_tell),
            TEST_CASE(one_byte_all_over_is_blank),
            TEST_CASE(what_is_short_or_not_there_is_unknown),
            TEST_CASE(a_directory_is_unknown),
    };

    return test_main(argc, argv, "content", cases, G_N_ELEMENTS(cases));
}
