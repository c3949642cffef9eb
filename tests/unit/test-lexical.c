/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/lexical.h"

#include <string.h>

#include "base/error.h"
#include "util.h"

static void assert_fault(const char *text, gsize length, gsize offset, const char *message) {
    const char *actual_message = NULL;
    const char *fault = lexical_find_fault(text, length, &actual_message);

    g_assert_nonnull(fault);
    g_assert_cmpint(fault - text, ==, offset);
    if (message)
        g_assert_cmpstr(actual_message, ==, message);
    g_assert_cmpstr(actual_message, !=, NULL);
}

static void assert_text_fault(const char *text, gsize offset, const char *message) {
    assert_fault(text, strlen(text), offset, message);
}

static void assert_no_fault(const char *text) {
    const char *message = NULL;

    g_assert_null(lexical_find_fault(text, strlen(text), &message));
}

static void all_tokens_of_json_are_taken(void) {
    assert_no_fault("");
    assert_no_fault(" \t\r\n");
    assert_no_fault("{ \"a\" : [ true , false , null , { } ] }");
    assert_no_fault("[0, -0, 10, -1.5, 0.25, 1e5, 1E+5, 1.0e-5, 0e0]");
    assert_no_fault("[\"\", \"\\\"\\\\\\/\\b\\f\\n\\r\\t\", \"\\u00e4\\uABCD\", \"\x7f\"]");
    assert_no_fault("\"\\ud83d\\ude00\"");
}

static void white_space_is_that_of_json_alone(void) {
    assert_text_fault("{\f}", 1, "not JSON");
    assert_text_fault("{\v}", 1, "not JSON");
    assert_text_fault("{\xc2\xa0}", 1, "not JSON");
}

static void words_that_are_not_json(void) {
    static const char *const words[] = {
            "True", "nul", "nulls", "truefalse", "undefined", "var", "/", "/a",
            "+1",   ".5",  "NaN",   "Infinity",  ";",         "\\",  "(", "\xc3\xa4",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
        g_autofree char *text = g_strconcat("[1, ", words[i], "]", NULL);
        assert_text_fault(text, 4, "not JSON");
    }
}

static void what_other_notations_have_is_named(void) {
    static const char *const comments[] = {"/*a*/ 1", "//a\n1", "#a\n1", "//", "#"};

    for (gsize i = 0; i < G_N_ELEMENTS(comments); i++) {
        g_autofree char *text = g_strconcat("[\n", comments[i], "]", NULL);
        assert_text_fault(text, 2, "a comment, which JSON does not have");
    }
    assert_text_fault("{'a': 1}", 1, "a single quote: strings have double quotes");
    assert_text_fault("{\"a\": 1, }", 7, "a comma before }");
    assert_text_fault("[[1,\n\t]]", 3, "a comma before ]");
    assert_text_fault("[,]", 1, "a comma before ]");
    assert_no_fault("[1, \"}\"]");
    assert_no_fault("[\",}\"]");
}

static void malformed_numbers(void) {
    static const char *const numbers[] = {"01", "00", "0x1", "1.",    "1.e5", "1e",    "1e+",
                                          "-",  "-a", "1a",  "1.2.3", "0b1",  "1e5.0", "--1"};

    for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++) {
        g_autofree char *text = g_strconcat("[", numbers[i], "]", NULL);
        const char *message = NULL;

        g_assert_nonnull(lexical_find_fault(text, strlen(text), &message));
        g_assert_cmpstr(message, ==, "malformed number");
    }
    assert_text_fault("-", 1, "malformed number");
    assert_text_fault("1.", 2, "malformed number");
}

static void integers_have_64_bits(void) {
    const char *message = "integer of more than 64 bits";

    assert_no_fault("[9223372036854775807, -9223372036854775808, 99999999999999999999.0, 1e400]");
    assert_text_fault("[9223372036854775808]", 1, message);
    assert_text_fault("{\"a\": -9223372036854775809}", 6, message);
    assert_text_fault("10000000000000000000", 0, message);
    assert_text_fault("-10000000000000000000", 0, message);
}

static void malformed_strings(void) {
    assert_text_fault("\"a", 2, "unterminated string");
    assert_text_fault("\"a\\", 3, "unterminated string");
    assert_text_fault("\"a\\\"", 4, "unterminated string");
    assert_text_fault("\"\\u00e", 3 - 1, "\\u without four hexadecimal digits");
    assert_text_fault("\"a\nb\"", 2, "control character in a string");
    assert_text_fault("\"a\tb\"", 2, "control character in a string");
    assert_text_fault("\"\x1f\"", 1, "control character in a string");
    assert_text_fault("\"\\x41\"", 2, "unknown escape in a string");
    assert_text_fault("\"\\'\"", 2, "unknown escape in a string");
    assert_text_fault("\"\\U0041\"", 2, "unknown escape in a string");
    assert_text_fault("\"\\u12g4\"", 2, "\\u without four hexadecimal digits");
    assert_text_fault("\"\\u+123\"", 2, "\\u without four hexadecimal digits");
    assert_text_fault("\"a\\u0000\"", 3, "NUL in a string");
}

static void bytes_that_are_no_text(void) {
    const char *message = "not UTF-8, or a character that no text may hold";

    assert_text_fault("{\"\xff\": 1}", 2, message);
    assert_text_fault("\"\xed\xa0\x80\"", 1, message);
    assert_text_fault("\"\xc0\x80\"", 1, message);
    assert_text_fault("{ } \xef\xbf\xbf", 4, message);
    assert_fault("{}\0", 3, 2, message);
    assert_fault("\"\0\"", 3, 1, message);
    assert_text_fault(
            "\xef\xbb\xbf{}", 0, "a byte order mark (BOM), which JSON must not begin with");
}

static void the_document_ends_with_its_value(void) {
    const char *message = "text after the end of the document";

    assert_text_fault("{}{}", 2, message);
    assert_text_fault("[]\n1", 3, message);
    assert_text_fault("1 2", 2, message);
    assert_text_fault("{\"a\": [{}]} ,", 12, message);
    assert_text_fault("}]", 1, message);
    assert_no_fault("{}\n\n");
}

static void depth_has_a_limit(void) {
    g_autofree char *deepest = g_strnfill(LEXICAL_MAX_DEPTH, '[');
    g_autofree char *deeper = g_strnfill(LEXICAL_MAX_DEPTH + 1, '{');

    g_assert_cmpint(LEXICAL_MAX_DEPTH, ==, 100);
    assert_no_fault(deepest);
    assert_text_fault(deeper, 100, "nested too deeply");
    assert_no_fault("[[[]], [[]], {}, {}]");
}

static void no_byte_behind_the_end_is_read(void) {
    static const char *const texts[] = {
            "\"\\u0041\"", "true", "-1.5e+10", "\"a\\nb\"", "{\"a\": null}", "\"\\ud83d\\ude00\"",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
        for (gsize length = 0; length <= strlen(texts[i]); length++) {
            const char *message = NULL;
            /* an allocation of its own, for the sanitizer to watch */
            g_autofree char *copy = g_memdup2(texts[i], length);

            (void)!lexical_find_fault(copy ? copy : "", length, &message);
        }
}

static void controls_are_escaped(void) {
    static const char *const texts[][2] = {
            {"", ""},
            {"{\n\t\"\xc3\xa4\\n\"}", "{\n\\u0009\"\xc3\xa4\\n\"}"},
            {"\"\x01\x1f\x7f\xc2\x9b\"", "\"\\u0001\\u001f\\u007f\\u009b\""},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autofree char *escaped = lexical_escape(texts[i][0]);

        g_assert_cmpstr(escaped, ==, texts[i][1]);
    }
}

static void an_object_is_read(void) {
    static const char text[] = "{\"a\": [1]} and more";
    g_autoptr(JsonNode) root = lexical_read_object(text, strlen("{\"a\": [1]}"), NULL);

    g_assert_nonnull(root);
    g_assert_true(json_node_is_immutable(root));
    g_assert_true(json_object_has_member(json_node_get_object(root), "a"));
}

static void what_is_no_object_is_not_read(void) {
    g_autofree char *deep = g_strnfill(1024 * 1024, '[');
    const struct {
        const char *text;
        const char *message;
    } all[] = {
            {"", "empty"},
            {"[]", "no JSON object"},
            {"  ", "no JSON object"},
            {"{} {}", "no JSON: text after the end of the document"},
            {"{\xff}", "no JSON: not UTF-8, or a character that no text may hold"},
            {"{\"a\": }", NULL},
            {deep, NULL},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(all); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(lexical_read_object(all[i].text, strlen(all[i].text), &error));
        g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_IO);
        if (all[i].message)
            g_assert_cmpstr(error->message, ==, all[i].message);
    }
}

static void strings_are_an_array_of_nothing_else(void) {
    static const char text[] =
            "{\"none\": [], \"two\": [\"a\", \"b\"], \"text\": \"a\", \"number\": [\"a\", 1],"
            " \"deeper\": [[\"a\"]], \"null\": [null], \"invalid\": [\"\\uffff\"]}";
    g_autoptr(JsonNode) root = lexical_read_object(text, strlen(text), NULL);
    JsonObject *object = json_node_get_object(root);
    static const char *const others[] = {"text", "number", "deeper", "null", "invalid", "missing"};
    g_auto(GStrv) none = lexical_get_strings(json_object_get_member(object, "none"));
    g_auto(GStrv) two = lexical_get_strings(json_object_get_member(object, "two"));

    g_assert_cmpstrv(none, ((const char *[]){NULL}));
    g_assert_cmpstrv(two, ((const char *[]){"a", "b", NULL}));
    for (gsize i = 0; i < G_N_ELEMENTS(others); i++)
        g_assert_null(lexical_get_strings(json_object_get_member(object, others[i])));
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(all_tokens_of_json_are_taken),
            TEST_CASE(white_space_is_that_of_json_alone),
            TEST_CASE(words_that_are_not_json),
            TEST_CASE(what_other_notations_have_is_named),
            TEST_CASE(malformed_numbers),
            TEST_CASE(integers_have_64_bits),
            TEST_CASE(malformed_strings),
            TEST_CASE(bytes_that_are_no_text),
            TEST_CASE(the_document_ends_with_its_value),
            TEST_CASE(depth_has_a_limit),
            TEST_CASE(controls_are_escaped),
            TEST_CASE(no_byte_behind_the_end_is_read),
            TEST_CASE(an_object_is_read),
            TEST_CASE(what_is_no_object_is_not_read),
            TEST_CASE(strings_are_an_array_of_nothing_else),
    };

    return test_main(argc, argv, "lexical", cases, G_N_ELEMENTS(cases));
}
