/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/text.h"

#include <string.h>

#include "util.h"

static void utf8_is_valid(void) {
    static const char *const valid[] = {
            "",
            "a",
            "\x7f",
            "\n\t",
            "\xc2\x80",
            "\xc3\xa4",
            "\xe2\x82\xac",
            "\xf0\x9f\x98\x80",
            "\xf4\x8f\xbf\xbd",
            "\xef\xb7\x8f",
            "\xef\xb7\xb0",
            "\xef\xbf\xbd",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(valid); i++)
        g_assert_true(text_is_valid(valid[i]));
}

static void other_bytes_are_not_valid(void) {
    static const char *const invalid[] = {
            "\x80",
            "\xff",
            "\xc3",
            "\xc0\x80",
            "\xe0\x80\x80",
            "\xed\xa0\x80",
            "\xf4\x90\x80\x80",
            "\xf8\x88\x80\x80\x80",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(invalid); i++) {
        g_autofree char *text = g_strconcat("\xc3\xa4", invalid[i], "b", NULL);

        g_assert_true(text_find_invalid(text, strlen(text)) == text + 2);
        g_assert_false(text_is_valid(text));
    }
}

static void noncharacters_are_not_valid(void) {
    for (gunichar c = 0; c <= 0x10ffff; c++) {
        gboolean is_noncharacter = (c >= 0xfdd0 && c <= 0xfdef) || c % 0x10000 >= 0xfffe;
        char text[8] = {};

        if (c == 0 || (c >= 0xd800 && c < 0xe000))
            continue;
        g_unichar_to_utf8(c, text);
        if (text_is_valid(text) == is_noncharacter)
            g_error("U+%04X", c);
    }
}

static void the_first_fault_is_found(void) {
    const char *noncharacter_first = "a\xef\xbf\xbe\xff";
    const char *byte_first = "a\xff\xef\xbf\xbe";

    g_assert_true(text_find_invalid(noncharacter_first, 5) == noncharacter_first + 1);
    g_assert_true(text_find_invalid(byte_first, 5) == byte_first + 1);
}

static void length_is_obeyed(void) {
    const char *text = "a\0b";
    const char *euro = "\xe2\x82\xac";

    g_assert_true(text_find_invalid(text, 3) == text + 1);
    g_assert_null(text_find_invalid(text, 1));
    g_assert_null(text_find_invalid(text, 0));
    g_assert_true(text_find_invalid(euro, 2) == euro);
    g_assert_null(text_find_invalid(euro, 3));
}

static void assert_escaped(const char *text, const char *expected) {
    g_autofree char *escaped = text_escape(text);

    g_assert_cmpstr(escaped, ==, expected);
    g_assert_true(text_is_valid(escaped));
}

static void what_cannot_be_shown_is_escaped(void) {
    assert_escaped("", "");
    assert_escaped("plain \xc3\xa4", "plain \xc3\xa4");
    assert_escaped(
            "a\xff"
            "b",
            "a\\xffb");
    assert_escaped("\xc3", "\\xc3");
    assert_escaped("\xff\xfe\xc3\xa4\x80", "\\xff\\xfe\xc3\xa4\\x80");
    assert_escaped("\xef\xbf\xbf", "\\xef\\xbf\\xbf");
    assert_escaped("a\nb\x7f", "a\\x0ab\\x7f");
}

static void escapes_cannot_be_forged(void) {
    assert_escaped("\\xff", "\\x5cxff");
    assert_escaped("\\", "\\x5c");
}

static void long_text_is_escaped_in_linear_time(void) {
    g_autofree char *text = g_strnfill(1000000, '\xff');
    g_autofree char *escaped = text_escape(text);

    g_assert_cmpuint(strlen(escaped), ==, 4000000);
}

static void a_terminal_gets_no_controls(void) {
    static const char *const texts[][2] = {
            {"", ""},
            {"a\\ \xc3\xa4", "a\\ \xc3\xa4"},
            {"\x1b[1m", "\\x1b[1m"},
            {"a\nb\\", "a\\x0ab\\x5c"},
            {"\x7f", "\\x7f"},
            {"\xc2\x9b"
             "1m \xc2\xa0",
             "\\xc2\\x9b1m \xc2\xa0"},
            {"\xff", "\\xff"},
            /* U+202E, U+2028, U+2029, U+FEFF */
            {"a\xe2\x80\xae", "a\\xe2\\x80\\xae"},
            {"\xe2\x80\xa8", "\\xe2\\x80\\xa8"},
            {"\xe2\x80\xa9", "\\xe2\\x80\\xa9"},
            {"\xef\xbb\xbf", "\\xef\\xbb\\xbf"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autofree char *printable = text_make_printable(texts[i][0]);

        g_assert_cmpstr(printable, ==, texts[i][1]);
        g_assert_cmpint(text_is_printable(texts[i][0]), ==, g_str_equal(texts[i][0], texts[i][1]));
    }
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(utf8_is_valid),
            TEST_CASE(other_bytes_are_not_valid),
            TEST_CASE(noncharacters_are_not_valid),
            TEST_CASE(the_first_fault_is_found),
            TEST_CASE(length_is_obeyed),
            TEST_CASE(what_cannot_be_shown_is_escaped),
            TEST_CASE(escapes_cannot_be_forged),
            TEST_CASE(long_text_is_escaped_in_linear_time),
            TEST_CASE(a_terminal_gets_no_controls),
    };

    return test_main(argc, argv, "text", cases, G_N_ELEMENTS(cases));
}
