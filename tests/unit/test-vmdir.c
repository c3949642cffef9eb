/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/vmdir.h"

#include <glib/gstdio.h>
#include <string.h>

#include "base/error.h"
#include "util-vmstore.h"

/* A directory comes from anywhere, and so does a change that was interrupted in it: it touches
 * files of the VM alone, and its own. What a crash leaves is tested with the client. */

static void assert_text(const char *root, const char *file, const char *expected) {
    g_autofree char *path = g_build_filename(root, file, NULL);
    g_autofree char *actual = NULL;

    g_assert_true(g_file_get_contents(path, &actual, NULL, NULL));
    g_assert_cmpstr(actual, ==, expected);
}

/* vm/ with a change, which has new variables, and MOVES or none. */
static TestDir *interrupted(const char *moves) {
    TestDir *root = test_dir_new();

    g_free(test_mkdir(root, "vm"));
    g_free(test_mkdir(root, "vm/.vmfirmware-commit"));
    test_write_text(root, "outside", "outside");
    test_write_text(root, "vm/disk", "disk");
    test_write_text(root, "vm/nvram.raw", "old");
    test_write_text(root, "vm/.vmfirmware-commit/nvram.raw", "new");
    if (moves)
        test_write_text(root, "vm/.vmfirmware-commit/.moves", moves);
    return root;
}

static void a_change_that_was_interrupted_is_completed(void) {
    static const char *const all[] = {
            "", "nvram.raw\t\n", "nvram.raw\tnvram.raw\n", "nvram.qcow2\t\n"};

    for (gsize i = 0; i < G_N_ELEMENTS(all); i++) {
        g_autoptr(TestDir) root = interrupted(all[i]);
        g_autofree char *directory = g_build_filename(root, "vm", NULL);
        g_autoptr(GError) error = NULL;
        g_autoptr(VMStore) store = vmdir_open(directory, 0, &error);

        g_assert_no_error(error);
        g_assert_nonnull(store);
        assert_text(root, "vm/nvram.raw", "new");
        assert_text(root, "vm/disk", "disk");
    }
}

static void a_change_that_nobody_made_is_refused(void) {
    static const char *const all[] = {
            NULL,
            "nvram.raw",
            "disk\t\n",
            "../outside\t\n",
            "/etc/passwd\t\n",
            "nvram.raw\t../moved\n",
            "nvram.raw\tdisk\n",
            "nvram.raw\tnvram.raw\n\t\n",
            ".\t\n",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(all); i++) {
        g_autoptr(TestDir) root = interrupted(all[i]);
        g_autofree char *directory = g_build_filename(root, "vm", NULL);
        g_autofree char *moved = g_build_filename(root, "moved", NULL);
        g_autoptr(GError) error = NULL;

        g_assert_null(vmdir_open(directory, 0, &error));
        g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_IO);
        g_assert_nonnull(strstr(error->message, "a change that was interrupted"));
        assert_text(root, "outside", "outside");
        assert_text(root, "vm/disk", "disk");
        assert_text(root, "vm/nvram.raw", "old");
        g_assert_false(g_file_test(moved, G_FILE_TEST_EXISTS));
    }
}

/* The list of its files is no larger than the service makes one. */
static void a_list_of_moves_has_a_limit(void) {
    g_autofree char *line = g_strnfill(64 * 1024, '\n');
    g_autofree char *longer = g_strconcat(line, "\n", NULL);
    g_autoptr(TestDir) most = interrupted(line);
    g_autoptr(TestDir) more = interrupted(longer);
    g_autofree char *directory = g_build_filename(most, "vm", NULL);
    g_autofree char *refused = g_build_filename(more, "vm", NULL);
    g_autoptr(VMStore) store = vmdir_open(directory, 0, NULL);
    g_autoptr(GError) error = NULL;

    g_assert_nonnull(store);
    g_assert_null(vmdir_open(refused, 0, &error));
    g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_IO);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(a_change_that_was_interrupted_is_completed),
            TEST_CASE(a_change_that_nobody_made_is_refused),
            TEST_CASE(a_list_of_moves_has_a_limit),
    };

    return test_main(argc, argv, "vmdir", cases, G_N_ELEMENTS(cases));
}
