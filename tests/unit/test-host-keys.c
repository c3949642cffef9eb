/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "uefi/host-keys.h"

#include <glib/gstdio.h>

#include "base/conf-files.h"
#include "uefi/key-data.h"
#include "util-certificate.h"
#include "util.h"

/* What is wrong with the files of the host's keys. */

static HostKeys *load(const char *root, const char *expected_problems) {
    g_autoptr(GPtrArray) problems =
            g_ptr_array_new_with_free_func((GDestroyNotify)conf_problem_free);
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    HostKeys *keys = host_keys_load(root, FALSE, NULL, problems, &error);

    g_assert_no_error(error);
    for (guint i = 0; i < problems->len; i++) {
        const ConfProblem *problem = problems->pdata[i];

        g_string_append_printf(text, "%s: %s\n", problem->path, problem->text);
    }
    g_string_replace(text, root, "@", 0);
    g_assert_cmpstr(text->str, ==, expected_problems);
    return keys;
}

static void write_key(const char *root, const char *file, GBytes *key) {
    gsize size;
    const guint8 *data = g_bytes_get_data(key, &size);

    test_write(root, file, data, size);
}

static void a_file_that_cannot_be_read_is_ignored(void) {
    g_autoptr(TestDir) root = test_dir_new();
    g_autoptr(GBytes) key = test_certificate("a", 1000, 2000);
    g_autofree char *digest = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, key);
    g_autoptr(KnownCertificates) known = known_certificates_new();
    g_autoptr(HostKeys) keys = NULL;

    g_free(test_mkdir(root, "db"));
    g_free(test_mkdir(root, "db/directory"));
    test_write_sparse(root, "db/large", KEY_DATA_MAX_SIZE + 1);
    test_link(root, "db/link", "nowhere");
    write_key(root, "db/sound", key);
    /* hidden: an editor's */
    test_write_text(root, "db/.sound", "");
    test_write_text(root, "KEK", "");
    keys =
            load(root,
                 "@/KEK: Not a directory\n"
                 "@/db/directory: not a regular file\n"
                 "@/db/large: File too large\n"
                 "@/db/link: No such file or directory\n");
    g_assert_true(host_keys_have_certificate(keys, known, digest));
}

static void a_directory_has_at_most_256_files(void) {
    g_autoptr(TestDir) root = test_dir_new();
    g_autoptr(GBytes) first = test_certificate("first", 1000, 2000);
    g_autoptr(GBytes) last = test_certificate("last", 1000, 2000);
    g_autofree char *digest = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, last);
    g_autofree char *one = g_build_filename(root, "db/000", NULL);
    g_autoptr(KnownCertificates) known = known_certificates_new();
    g_autoptr(HostKeys) without = NULL;
    g_autoptr(HostKeys) with = NULL;

    g_free(test_mkdir(root, "db"));
    for (guint i = 0; i < 256; i++) {
        g_autofree char *name = g_strdup_printf("db/%03u", i);

        write_key(root, name, first);
    }
    write_key(root, "db/256", last);
    without = load(root, "@/db: more than 256 files: the others are ignored\n");
    g_assert_false(host_keys_have_certificate(without, known, digest));
    g_assert_no_errno(g_unlink(one));
    with = load(root, "");
    g_assert_true(host_keys_have_certificate(with, known, digest));
}

static void keys_are_equal_with_the_same_names_and_data(void) {
    g_autoptr(TestDir) root = test_dir_new();
    g_autoptr(GBytes) a = test_certificate("a", 1000, 2000);
    g_autoptr(GBytes) b = test_certificate("b", 1000, 2000);
    g_autofree char *file = g_build_filename(root, "db/a", NULL);
    g_autofree char *renamed = g_build_filename(root, "db/b", NULL);
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func((GDestroyNotify)host_keys_unref);

    g_ptr_array_add(keys, host_keys_new());
    g_free(test_mkdir(root, "db"));
    write_key(root, "db/a", a);
    g_ptr_array_add(keys, load(root, ""));
    write_key(root, "db/a", b);
    g_ptr_array_add(keys, load(root, ""));
    g_assert_no_errno(g_rename(file, renamed));
    g_ptr_array_add(keys, load(root, ""));
    write_key(root, "db/a", a);
    g_ptr_array_add(keys, load(root, ""));
    for (guint i = 0; i < keys->len; i++)
        for (guint j = 0; j < keys->len; j++)
            g_assert_true(host_keys_equal(keys->pdata[i], keys->pdata[j]) == (i == j));
}

static gpointer load_keys(const FileVisitor *visitor, gconstpointer root, GError **error) {
    g_autoptr(GPtrArray) problems =
            g_ptr_array_new_with_free_func((GDestroyNotify)conf_problem_free);

    return host_keys_load(root, FALSE, visitor, problems, error);
}

static void a_failing_system_is_an_error(void) {
    static const char *const directories[] = {"PK", "KEK", "db", "dbx"};
    g_autoptr(TestDir) root = test_dir_new();

    /* valgrind has no limit for what is not there */
    for (gsize i = 0; i < G_N_ELEMENTS(directories); i++)
        g_free(test_mkdir(root, directories[i]));
    test_write_text(root, "db/key", "none");
    test_fail_at_each_visit(load_keys, (GDestroyNotify)host_keys_unref, root);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(a_file_that_cannot_be_read_is_ignored),
            TEST_CASE(a_directory_has_at_most_256_files),
            TEST_CASE(a_failing_system_is_an_error),
            TEST_CASE(keys_are_equal_with_the_same_names_and_data),
    };

    return test_main(argc, argv, "host-keys", cases, G_N_ELEMENTS(cases));
}
