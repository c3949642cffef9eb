/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/conf-files.h"

#include "util.h"

static void assert_list(const char *const *directories, const char *dir, const char *expected) {
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) paths = conf_files_list(directories, NULL, &error);
    g_autoptr(GString) text = g_string_new(NULL);

    g_assert_no_error(error);
    for (guint i = 0; i < paths->len; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", (char *)paths->pdata[i]);
    g_string_replace(text, dir, "", 0);
    g_assert_cmpstr(text->str, ==, expected);
}

static void a_file_overrides_its_name(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autofree char *low = test_mkdir(dir, "low");
    g_autofree char *high = test_mkdir(dir, "high");
    g_autofree char *missing = g_build_filename(dir, "missing", NULL);

    test_write_text(low, "b.conf", "");
    test_write_text(low, "a-b.conf", "");
    test_write_text(low, "c.conf", "");
    test_write_text(high, "b.conf", "");
    test_write_text(high, "a.conf", "");
    test_link(high, "d.conf", "nowhere");
    /* none of these is one */
    test_write_text(high, ".c.conf", "");
    test_write_text(high, "c.conf~", "");
    test_write_text(high, "c", "");
    assert_list(
            (const char *const[]){low, missing, high, NULL}, dir,
            "/low/a-b.conf, /high/a.conf, /high/b.conf, /low/c.conf, /high/d.conf");
    assert_list(
            (const char *const[]){high, low, NULL}, dir,
            "/low/a-b.conf, /high/a.conf, /low/b.conf, /low/c.conf, /high/d.conf");
    assert_list((const char *const[]){missing, NULL}, dir, "");
    assert_list((const char *const[]){NULL}, dir, "");
}

static gboolean count_visit(const char *path, gpointer userdata) {
    (*(guint *)userdata)++;
    return TRUE;
}

/* Also those that are missing: they can appear. */
static void each_directory_is_visited(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autofree char *missing = g_build_filename(dir, "missing", NULL);
    guint n_visits = 0;
    const FileVisitor visitor = {.directory = count_visit, .userdata = &n_visits};
    g_autoptr(GPtrArray) paths =
            conf_files_list((const char *const[]){dir, missing, NULL}, &visitor, NULL);

    g_assert_cmpuint(paths->len, ==, 0);
    g_assert_cmpuint(n_visits, ==, 2);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(a_file_overrides_its_name),
            TEST_CASE(each_directory_is_visited),
    };

    return test_main(argc, argv, "conf-files", cases, G_N_ELEMENTS(cases));
}
