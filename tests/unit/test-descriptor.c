/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/descriptor.h"

#include <string.h>

#include "util.h"

static Descriptor *with(const char *member, const char *value) {
    g_autofree char *document = test_document(member, value, NULL);

    return test_parse(document);
}

static void features_are_compared_whole(void) {
    g_autoptr(Descriptor) d = with("features", "['secure-boot', 'x']");

    g_assert_true(descriptor_has_feature(d, "secure-boot"));
    g_assert_true(descriptor_has_feature(d, "x"));
    g_assert_false(descriptor_has_feature(d, "secure"));
    g_assert_false(descriptor_has_feature(d, "Secure-Boot"));
    g_assert_false(descriptor_has_feature(d, ""));
}

static void assert_keeps_variables(const char *mapping, gboolean expected) {
    g_autoptr(Descriptor) d = with("mapping", mapping);

    g_assert_true(descriptor_keeps_variables(d) == expected);
}

#define EXECUTABLE "'executable': {'filename': '/c', 'format': 'raw'}"

static void split_and_combined_firmware_keep_variables(void) {
    assert_keeps_variables(
            "{'device': 'flash', " EXECUTABLE
            ", 'nvram-template': {'filename': '/v', 'format': 'raw'}}",
            TRUE);
    assert_keeps_variables("{'device': 'flash', 'mode': 'combined', " EXECUTABLE "}", TRUE);
    assert_keeps_variables("{'device': 'flash', 'mode': 'stateless', " EXECUTABLE "}", FALSE);
    assert_keeps_variables("{'device': 'memory', 'filename': '/c'}", FALSE);
    assert_keeps_variables(
            "{'device': 'memory', 'filename': '/c', 'uefi-vars': {'template': '/v'}}", TRUE);
    assert_keeps_variables("{'device': 'kernel', 'filename': '/c'}", FALSE);
    assert_keeps_variables("{'device': 'igvm', 'filename': '/c'}", FALSE);
}

static void targets_are_pairs(void) {
    g_autoptr(Descriptor) d =
            with("targets",
                 "[{'architecture': 'a', 'machines': ['m-*']},"
                 " {'architecture': 'b', 'machines': ['n', 'o']},"
                 " {'architecture': 'a', 'machines': ['p']}]");

    g_assert_true(descriptor_has_architecture(d, "a"));
    g_assert_true(descriptor_has_architecture(d, "b"));
    g_assert_false(descriptor_has_architecture(d, "c"));
    g_assert_true(descriptor_matches_machine(d, "a", "m-1"));
    g_assert_true(descriptor_matches_machine(d, "a", "p"));
    g_assert_true(descriptor_matches_machine(d, "b", "o"));
    g_assert_false(descriptor_matches_machine(d, "b", "m-1"));
    g_assert_false(descriptor_matches_machine(d, "a", "n"));
    g_assert_false(descriptor_matches_machine(d, "c", "m-1"));
}

static void assert_glob(const char *glob, const char *machine, gboolean expected) {
    g_autofree char *targets = g_strdup_printf("[{'architecture': 'a', 'machines': ['%s']}]", glob);
    g_autoptr(Descriptor) d = with("targets", targets);

    g_assert_true(descriptor_matches_machine(d, "a", machine) == expected);
}

static void globs_match_as_in_fnmatch_without_flags(void) {
    assert_glob("*", "", TRUE);
    assert_glob("", "", TRUE);
    assert_glob("", "a", FALSE);
    assert_glob("a?c", "abc", TRUE);
    assert_glob("a?c", "ac", FALSE);
    assert_glob("a*c", "a/b.c", TRUE);
    assert_glob("*", ".hidden", TRUE);
    assert_glob("[a-c]x", "bx", TRUE);
    assert_glob("[!a-c]x", "bx", FALSE);
    assert_glob("a\\\\*", "a*", TRUE);
    assert_glob("a\\\\*", "ab", FALSE);
    assert_glob("A", "a", FALSE);
    assert_glob("[", "[", TRUE);
    assert_glob("@(a|b)", "a", FALSE);
}

/* Were it exponential, this would not end. */
static void many_stars_take_no_exponential_time(void) {
    static const char *const parts[] = {"*a", "*?", "*[ab]", "*a?*", "*\\\\a"};
    g_autofree char *machine = g_strnfill(255, 'a');

    for (gsize i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_autoptr(GString) few = g_string_new(NULL);
        g_autoptr(GString) many = g_string_new(NULL);

        for (guint j = 0; j < 60; j++)
            g_string_append(few, parts[i]);
        g_string_append(few, "*b");
        while (many->len < 60000)
            g_string_append(many, parts[i]);
        assert_glob(few->str, machine, FALSE);
        assert_glob(many->str, machine, FALSE);
    }
}

static void references_keep_it(void) {
    Descriptor *d = with(NULL, NULL);
    Descriptor *second = descriptor_ref(d);

    descriptor_unref(d);
    g_assert_cmpstr(second->description, ==, "a firmware");
    descriptor_unref(second);
    descriptor_unref(NULL);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(features_are_compared_whole),
            TEST_CASE(split_and_combined_firmware_keep_variables),
            TEST_CASE(targets_are_pairs),
            TEST_CASE(globs_match_as_in_fnmatch_without_flags),
            TEST_CASE(many_stars_take_no_exponential_time),
            TEST_CASE(references_keep_it),
    };

    return test_main(argc, argv, "descriptor", cases, G_N_ELEMENTS(cases));
}
