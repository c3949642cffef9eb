/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include "util.h"

/* For what json-glib says: its words are its own, the place is the contract's. */
static void assert_place(const char *text, const char *place) {
    g_autofree char *document = test_quote(text);
    g_autofree char *fault = test_parse_fault(document, strlen(document));
    g_autofree char *prefix = g_strdup_printf("parse-error:%s: ", place);

    if (!g_str_has_prefix(fault, prefix))
        g_test_message("%s: %s", document, fault);
    g_assert_true(g_str_has_prefix(fault, prefix));
    g_assert_cmpuint(strlen(fault), >, strlen(prefix));
}

static void assert_unknown_member_is_refused(const char *value) {
    g_autofree char *document = test_document("x-unknown", value, NULL);
    g_autofree char *fault = test_parse_fault(document, strlen(document));

    if (!g_str_has_prefix(fault, "parse-error:1:"))
        g_test_message("%s: %s", document, fault);
    g_assert_true(g_str_has_prefix(fault, "parse-error:1:"));
}

static void assert_unknown_member_is_kept(const char *value) {
    g_autofree char *document = test_document("x-unknown", value, NULL);
    g_autoptr(Descriptor) descriptor = test_parse(document);

    g_assert_cmpmem(
            g_bytes_get_data(descriptor->document, NULL), g_bytes_get_size(descriptor->document),
            document, strlen(document));
}

/* -- syntax ------------------------------------------------------------------------------ */

static void syntax_errors_name_line_and_column(void) {
    assert_place("{'a': }", "1:7");
    assert_place("{'a': 1\n,\n  ?}", "3:3");
    assert_place("{\n  'ü': x}", "2:8");
    assert_place("{\r\n'a': 01}", "2:7");
    test_assert_refused("{\"a\": \"\001\"}", "parse-error:1:8: control character in a string");
    test_assert_refused(" \n\t", "parse-error:1:1: the file holds nothing but white space");
}

static void json_errors_name_the_line(void) {
    static const char *const documents[] = {
            "{\n\n'a' 1}",   "{\n\n'a': [1 2]}", "{\n\n'a': [1,]}",
            "{\n\n'a': 1,}", "{\n\n'a': {]}",    "{}\n\n,",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(documents); i++) {
        g_autofree char *document = test_quote(documents[i]);
        g_autofree char *fault = test_parse_fault(document, strlen(document));

        g_test_message("%s", fault);
        g_assert_true(g_str_has_prefix(fault, "parse-error:3:"));
    }
}

static void columns_count_from_one(void) {
    static const char document[] = "{\"targets\": [\n";
    g_autofree char *fault = test_parse_fault(document, strlen(document));

    g_test_message("%s", fault);
    g_assert_true(g_str_has_prefix(fault, "parse-error:2:1: "));
}

static void nothing_may_follow_the_object(void) {
    static const char *const rests[] = {"}", "]", ",", ":", " 1", " null", "\"a\"", "[]", "{}"};
    g_autofree char *document = test_document(NULL, NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(rests); i++) {
        g_autofree char *longer = g_strconcat(document, rests[i], NULL);
        g_autofree char *fault = test_parse_fault(longer, strlen(longer));

        g_assert_true(g_str_has_prefix(fault, "parse-error:1:"));
    }
}

static void nothing_may_go_before_the_object(void) {
    static const char *const starts[] = {"{}", "[]", "var x = ", "\xef\xbb\xbf", "/**/", "//\n"};
    g_autofree char *document = test_document(NULL, NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(starts); i++) {
        g_autofree char *longer = g_strconcat(starts[i], document, NULL);
        g_autofree char *fault = test_parse_fault(longer, strlen(longer));

        g_assert_true(
                g_str_has_prefix(fault, "parse-error:1:") ||
                g_str_has_prefix(fault, "schema-error:: "));
    }
}

static void what_json_glib_takes_beyond_json_is_refused(void) {
    static const char *const values[] = {
            "0x10",       "010",
            "00",         "+1",
            ".5",         "1.",
            "1e",         "- 1",
            "NaN",        "Infinity",
            "TRUE",       "nul",
            "undefined",  "1 /* a */",
            "1 // a\n",   "1 # a\n",
            "'a\nb'",     "'a\tb'",
            "'\\u0000'",  "'a\\u0000b'",
            "'\\x41'",    "'\\a'",
            "'\\u12'",    "'\\u12g4'",
            "'\177\200'", "'\xef\xbf\xbf'",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(values); i++)
        assert_unknown_member_is_refused(values[i]);
    test_assert_refused(
            "{'description': 'a'}",
            "parse-error:1:2: a single quote: strings have double quotes"); /* single quotes as they
                                                                               are */
    test_assert_refused("var x = {};", "parse-error:1:1: not JSON");
}

static void unpaired_surrogates_are_refused(void) {
    static const char *const values[] = {
            "'\\ud800'",        "'\\udc00'",        "'\\ud800a'",       "'\\ud800\\n'",
            "'\\ud800\\u0041'", "'\\ud800\\ud800'", "'\\udc00\\ud800'",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(values); i++)
        assert_unknown_member_is_refused(values[i]);
}

static void an_empty_document_is_refused(void) {
    g_autofree char *fault = test_parse_fault("", 0);

    g_assert_true(g_str_has_prefix(fault, "parse-error:1:1: "));
}

static void a_document_with_a_nul_is_refused(void) {
    g_autofree char *document = test_document(NULL, NULL);
    g_autofree char *fault = test_parse_fault(document, strlen(document) + 1);
    g_autofree char *expected = g_strdup_printf(
            "parse-error:1:%zu: not UTF-8, or a character that no text may hold",
            strlen(document) + 1);

    g_assert_cmpstr(fault, ==, expected);
}

static void duplicates_are_refused_at_any_depth(void) {
    test_assert_refused(
            "{\"a\": 1,\n \"b\": 2,\n \"a\": 1}", "parse-error:3:7: member \"a\" is given twice");
    assert_place("{'a': {'b': {}, 'b': 1}}", "1:22");
    assert_place("{'a': [[{'b': 1,\n'b': 1}]]}", "2:6");
    assert_place("{'': 1,\n'': 1}", "2:5");
    assert_place("{'a': 1,\n'\\u0061': 1}", "2:11");
    assert_place("{'a': {'x': {}},\n'a': {'x': {}}}", "2:14");
    assert_unknown_member_is_kept("[{'a': 1}, {'a': 1}, {'b': {'a': 1}, 'a': {'b': 1}}]");
}

/* -- limits ------------------------------------------------------------------------------ */

static char *document_of_size(gsize size) {
    g_autofree char *document = test_document(NULL, NULL);
    g_autofree char *spaces = g_strnfill(size - strlen(document), ' ');

    return g_strconcat(document, spaces, NULL);
}

static void size_limit_is_64_kib(void) {
    g_autofree char *largest = document_of_size(65536);
    g_autofree char *larger = document_of_size(65537);
    g_autoptr(Descriptor) descriptor = test_parse(largest);

    g_assert_nonnull(descriptor);
    test_assert_refused(larger, "parse-error:1:1: the file is larger than 65536 bytes");
}

static char *nested(const char *open, const char *inner, const char *close, gsize depth) {
    g_autoptr(GString) value = g_string_new(NULL);

    for (gsize i = 0; i < depth; i++)
        g_string_append(value, open);
    g_string_append(value, inner);
    for (gsize i = 0; i < depth; i++)
        g_string_append(value, close);
    return g_string_free(g_steal_pointer(&value), FALSE);
}

/* The document's own object counts. */
static void nesting_is_limited_to_100(void) {
    g_autofree char *deepest = nested("[", "1", "]", 99);
    g_autofree char *deeper = nested("[", "1", "]", 100);
    g_autofree char *deepest_object = nested("{'':", "1", "}", 99);
    g_autofree char *deeper_object = nested("{'':", "1", "}", 100);

    assert_unknown_member_is_kept(deepest);
    assert_unknown_member_is_kept(deepest_object);
    assert_unknown_member_is_refused(deeper);
    assert_unknown_member_is_refused(deeper_object);
    assert_unknown_member_is_kept("[[], [], {}, [{}, {}], {'a': []}]");
}

static gpointer refuse_64_kib_of_nesting(gpointer unused) {
    static const char *const brackets[][2] = {{"[", ""}, {"[", "]"}, {"{'':", ""}, {"{'':", "}"}};

    for (gsize i = 0; i < G_N_ELEMENTS(brackets); i++) {
        gsize pair = strlen(brackets[i][0]) + strlen(brackets[i][1]);
        g_autofree char *value = nested(brackets[i][0], "1", brackets[i][1], 65000 / pair);

        assert_unknown_member_is_refused(value);
    }
    return NULL;
}

static void nesting_of_64_kib_is_refused_in_any_thread(void) {
    (void)refuse_64_kib_of_nesting(NULL);
    g_thread_join(g_thread_new("nesting", refuse_64_kib_of_nesting, NULL));
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(syntax_errors_name_line_and_column),
            TEST_CASE(json_errors_name_the_line),
            TEST_CASE(columns_count_from_one),
            TEST_CASE(nothing_may_follow_the_object),
            TEST_CASE(nothing_may_go_before_the_object),
            TEST_CASE(what_json_glib_takes_beyond_json_is_refused),
            TEST_CASE(unpaired_surrogates_are_refused),
            TEST_CASE(an_empty_document_is_refused),
            TEST_CASE(a_document_with_a_nul_is_refused),
            TEST_CASE(duplicates_are_refused_at_any_depth),
            TEST_CASE(size_limit_is_64_kib),
            TEST_CASE(nesting_is_limited_to_100),
            TEST_CASE(nesting_of_64_kib_is_refused_in_any_thread),
    };

    return test_main(argc, argv, "parse-syntax", cases, G_N_ELEMENTS(cases));
}
