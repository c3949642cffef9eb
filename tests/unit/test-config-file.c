/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service/config-file.h"

#include <fcntl.h>
#include <string.h>

#include "util.h"

typedef struct Values {
    char *text;
    gboolean is_set;
} Values;

static gboolean parse_text(const ConfigKey *key, const char *value, gpointer data) {
    char **field = (char **)((char *)data + key->offset);

    if (g_str_equal(value, "bad"))
        return FALSE;
    g_free(*field);
    *field = g_strdup(value);
    return TRUE;
}

static gboolean parse_flag(const ConfigKey *key, const char *value, gpointer data) {
    *(gboolean *)((char *)data + key->offset) = TRUE;
    return TRUE;
}

static const ConfigKey keys[] = {
        {"A", "Text", parse_text, offsetof(Values, text), 0, 0, "a good word"},
        {"B", "Flag", parse_flag, offsetof(Values, is_set), 0, 0, "anything"},
        {},
};

/* -- what is warned of -------------------------------------------------------------------- */

static GString *warnings;

static GLogWriterOutput collect_warning(
        GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer userdata) {
    for (gsize i = 0; i < n_fields; i++)
        if (g_str_equal(fields[i].key, "MESSAGE"))
            g_string_append_printf(warnings, "%s\n", (const char *)fields[i].value);
    return G_LOG_WRITER_HANDLED;
}

/* -- one file ----------------------------------------------------------------------------- */

static void assert_read(
        const char *content, gsize size, const char *expected_text, gboolean expected_flag,
        const char *expected_warnings) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    Values values = {};

    test_write(dir, "f", content, size);
    g_ptr_array_add(paths, g_build_filename(dir, "f", NULL));
    g_string_truncate(warnings, 0);
    config_files_read(paths, NULL, keys, &values);
    g_string_replace(warnings, dir, "", 0);
    g_assert_cmpstr(values.text, ==, expected_text);
    g_assert_cmpint(values.is_set, ==, expected_flag);
    g_assert_cmpstr(warnings->str, ==, expected_warnings);
    g_free(values.text);
}

static void assert_text(
        const char *content, const char *expected_text, gboolean expected_flag,
        const char *expected_warnings) {
    assert_read(content, strlen(content), expected_text, expected_flag, expected_warnings);
}

static void keys_are_read(void) {
    assert_text("", NULL, FALSE, "");
    assert_text("[A]\nText=x y\n[B]\nFlag=", "x y", TRUE, "");
    assert_text(
            "\xef\xbb\xbf[A]\r\n # a comment\n; another\n\n\tText =  a=b  \r\n", "a=b", FALSE, "");
    assert_text("[A]\nText=a\nText=b\n[B]\n[A]\nText=", "", FALSE, "");
    assert_text("\xef\xbb\xbf", NULL, FALSE, "");
}

static void each_fault_is_warned_of_and_left_out(void) {
    assert_text(
            "[A]\nText=a\nText=bad", "a", FALSE,
            "/f:3: Text=bad is ignored: a good word is expected\n");
    assert_text(
            "Text=a\n[B]\nText=b", NULL, FALSE,
            "/f:1: key \"Text\" stands in no known section\n"
            "/f:3: unknown key \"Text\" in section [B]\n");
    assert_text(
            "[A\nText=a\n[A] x\n[C]\n[A]\nText=b", "b", FALSE,
            "/f:1: no ] ends the section: [A\n"
            "/f:2: key \"Text\" stands in no known section\n"
            "/f:3: no ] ends the section: [A] x\n"
            "/f:4: unknown section [C]\n");
    assert_text(
            "[A]\nText", NULL, FALSE, "/f:2: neither a section nor a key nor a comment: Text\n");
}

static void lines_that_are_no_text_are_left_out(void) {
    static const char zero[] = "[A]\nText=a\0b\nText=c";
    static const char *const reason =
            "the line is ignored: not UTF-8, or a character that no text may hold\n";
    g_autofree char *second = g_strconcat("/f:2: ", reason, NULL);
    g_autofree char *section =
            g_strconcat("/f:2: ", reason, "/f:3: key \"Text\" stands in no known section\n", NULL);

    assert_text("[A]\nText=\xff\nText=a", "a", FALSE, second);
    assert_text("[A]\n# \xff\nText=a", "a", FALSE, "");
    assert_text("[A]\n[\xff]\nText=a", NULL, FALSE, section);
    assert_read(zero, sizeof zero - 1, "c", FALSE, second);
}

static void a_file_has_a_limit(void) {
    g_autofree char *text = g_strnfill(65537, '#');

    assert_text(text, NULL, FALSE, "/f is ignored: File too large\n");
    text[65536] = '\0';
    assert_text(text, NULL, FALSE, "");
}

/* -- several ------------------------------------------------------------------------------ */

static void assert_found(const char *dir, const char *const *directories, const char *expected) {
    g_autoptr(GPtrArray) paths = config_files_find(directories, "f.conf", NULL);
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < paths->len; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", (char *)paths->pdata[i]);
    g_string_replace(text, dir, "", 0);
    g_assert_cmpstr(text->str, ==, expected);
}

static void files_are_found_in_their_order(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autofree char *low = test_mkdir(dir, "low");
    g_autofree char *high = test_mkdir(dir, "high");
    g_autofree char *low_drop_ins = test_mkdir(dir, "low/f.conf.d");
    g_autofree char *high_drop_ins = test_mkdir(dir, "high/f.conf.d");
    const char *const directories[] = {low, high, NULL};

    assert_found(dir, directories, "");
    test_write_text(low, "f.conf", "");
    test_write_text(high_drop_ins, "1.conf", "");
    test_write_text(low_drop_ins, "0.conf", "");
    test_write_text(low_drop_ins, "1.conf", "");
    test_write_text(low_drop_ins, "2.conf", "");
    assert_found(
            dir, directories,
            "/low/f.conf, /low/f.conf.d/0.conf, /high/f.conf.d/1.conf, /low/f.conf.d/2.conf");
    test_write_text(high, "f.conf", "");
    assert_found(
            dir, directories,
            "/high/f.conf, /low/f.conf.d/0.conf, /high/f.conf.d/1.conf, /low/f.conf.d/2.conf");
}

static void the_last_file_wins(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    Values values = {};

    test_write_text(dir, "a", "[A]\nText=a\n[B]\nFlag=1");
    test_write_text(dir, "b", "Text=stray\n[A]\nText=b");
    test_link(dir, "c", "/dev/null");
    g_ptr_array_add(paths, g_build_filename(dir, "a", NULL));
    g_ptr_array_add(paths, g_build_filename(dir, "b", NULL));
    g_ptr_array_add(paths, g_build_filename(dir, "c", NULL));
    g_ptr_array_add(paths, g_build_filename(dir, "d", NULL));
    g_string_truncate(warnings, 0);
    config_files_read(paths, NULL, keys, &values);
    g_string_replace(warnings, dir, "", 0);
    g_assert_cmpstr(values.text, ==, "b");
    g_assert_true(values.is_set);
    /* a section does not reach into the next file */
    g_assert_cmpstr(
            warnings->str, ==,
            "/b:1: key \"Text\" stands in no known section\n"
            "/d is ignored: No such file or directory\n");
    g_free(values.text);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(keys_are_read),
            TEST_CASE(each_fault_is_warned_of_and_left_out),
            TEST_CASE(lines_that_are_no_text_are_left_out),
            TEST_CASE(a_file_has_a_limit),
            TEST_CASE(files_are_found_in_their_order),
            TEST_CASE(the_last_file_wins),
    };
    int status;

    warnings = g_string_new(NULL);
    g_log_set_writer_func(collect_warning, NULL, NULL);
    status = test_main(argc, argv, "config-file", cases, G_N_ELEMENTS(cases));
    g_string_free(warnings, TRUE);
    return status;
}
