/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include "util.h"

static void assert_member(const char *member, const char *value, const char *reason) {
    g_autofree char *document = test_document(member, value, NULL);

    test_assert_refused(document, reason);
}

static void assert_unknown_member_is_kept(const char *value) {
    g_autofree char *document = test_document("x-unknown", value, NULL);
    g_autoptr(Descriptor) descriptor = test_parse(document);

    g_assert_cmpmem(
            g_bytes_get_data(descriptor->document, NULL), g_bytes_get_size(descriptor->document),
            document, strlen(document));
}

/* -- what is said ------------------------------------------------------------------------ */

static void all_members_are_read(void) {
    g_autofree char *document = test_document(
            "targets",
            "[{'architecture': 'x86_64', 'machines': ['pc-q35-*', 'pc-i440fx-*']},"
            " {'architecture': 'not-yet-known', 'machines': ['virt']}]",
            "interface-types", "['uefi', 'bios', 'openfirmware', 'uboot']", "features",
            "['z-unknown', 'secure-boot']", "tags", "['b', 'a']", "description", "'with \\u00fc'",
            NULL);
    g_autoptr(Descriptor) d = test_parse(document);
    const DescriptorTarget *first = d->targets->pdata[0];
    const DescriptorTarget *second = d->targets->pdata[1];

    g_assert_cmpstr(d->description, ==, "with ü");
    test_assert_joined(d->interface_types, "uefi, bios, openfirmware, uboot");
    test_assert_joined(d->features, "z-unknown, secure-boot");
    test_assert_joined(d->tags, "b, a");
    g_assert_cmpuint(d->targets->len, ==, 2);
    g_assert_cmpstr(first->architecture, ==, "x86_64");
    test_assert_joined(first->machines, "pc-q35-*, pc-i440fx-*");
    g_assert_cmpstr(second->architecture, ==, "not-yet-known");
}

static void description_features_and_tags_may_be_absent(void) {
    g_autofree char *document =
            test_document("description", NULL, "features", NULL, "tags", NULL, NULL);
    g_autoptr(Descriptor) d = test_parse(document);

    g_assert_cmpstr(d->description, ==, "");
    g_assert_cmpuint(g_strv_length(d->features), ==, 0);
    g_assert_cmpuint(g_strv_length(d->tags), ==, 0);
}

static void unknown_members_are_kept(void) {
    assert_unknown_member_is_kept("null");
    assert_unknown_member_is_kept("[1, -0.5e+3, true, {'a': [], 'b': {}}]");
    assert_unknown_member_is_kept("'\\ud83d\\ude00'");
}

/* -- the schema -------------------------------------------------------------------------- */

static void top_must_be_an_object(void) {
    static const char *const documents[] = {"[]", "1", "null", "true", "\"a\"", "[{}]"};

    for (gsize i = 0; i < G_N_ELEMENTS(documents); i++)
        test_assert_refused(documents[i], "schema-error:: not an object");
}

static void required_members_must_be_there(void) {
    assert_member("interface-types", NULL, "schema-error:/interface-types: missing");
    assert_member("mapping", NULL, "schema-error:/mapping: missing");
    assert_member("targets", NULL, "schema-error:/targets: missing");
    assert_member(
            "targets", "[{'machines': ['a']}]", "schema-error:/targets/0/architecture: missing");
    assert_member(
            "targets", "[{'architecture': 'a'}]", "schema-error:/targets/0/machines: missing");
}

static void lists_that_must_not_be_empty(void) {
    assert_member("interface-types", "[]", "schema-error:/interface-types: empty");
    assert_member("targets", "[]", "schema-error:/targets: empty");
    assert_member(
            "targets",
            "[{'architecture': 'a', 'machines': ['b']}, {'architecture': 'a', 'machines': []}]",
            "schema-error:/targets/1/machines: empty");
}

static void members_of_the_wrong_type_are_refused(void) {
    static const char *const lists[] = {"interface-types", "features", "tags", "targets"};

    assert_member("description", "1", "schema-error:/description: not a string");
    assert_member("description", "null", "schema-error:/description: not a string");
    assert_member("description", "['a']", "schema-error:/description: not a string");
    assert_member("mapping", "[]", "schema-error:/mapping: not an object");
    assert_member("mapping", "'flash'", "schema-error:/mapping: not an object");
    assert_member("targets", "['x86_64']", "schema-error:/targets/0: not an object");
    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++) {
        g_autofree char *reason = g_strdup_printf("schema-error:/%s: not an array", lists[i]);

        assert_member(lists[i], "'uefi'", reason);
        assert_member(lists[i], "{'0': 'uefi'}", reason);
        assert_member(lists[i], "null", reason);
    }
}

static void elements_of_the_wrong_type_are_refused(void) {
    assert_member(
            "interface-types", "['uefi', 1]", "schema-error:/interface-types/1: not a string");
    assert_member("features", "['a', 'b', null]", "schema-error:/features/2: not a string");
    assert_member("tags", "[['a']]", "schema-error:/tags/0: not a string");
    assert_member(
            "targets", "[{'architecture': 1, 'machines': ['b']}]",
            "schema-error:/targets/0/architecture: not a string");
    assert_member(
            "targets", "[{'architecture': 'a', 'machines': 'b'}]",
            "schema-error:/targets/0/machines: not an array");
    assert_member(
            "targets", "[{'architecture': 'a', 'machines': ['b', false]}]",
            "schema-error:/targets/0/machines/1: not a string");
}

static void unknown_interface_types_are_refused(void) {
    assert_member(
            "interface-types", "['uefi', 'efi']",
            "schema-error:/interface-types/1: unknown interface type \"efi\"");
    assert_member(
            "interface-types", "['UEFI']",
            "schema-error:/interface-types/0: unknown interface type \"UEFI\"");
}

static void characters_that_the_bus_refuses_are_refused(void) {
    const char *reason = "schema-error:/description: holds a character that no text may hold";

    assert_member("description", "'\\uffff'", reason);
    assert_member("description", "'\\ufdd0'", reason);
    assert_member("description", "'\\ud83f\\udffe'", reason);
    assert_member(
            "features", "['a', '\\ufffe']",
            "schema-error:/features/1: holds a character that no text may hold");
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(all_members_are_read),
            TEST_CASE(description_features_and_tags_may_be_absent),
            TEST_CASE(unknown_members_are_kept),
            TEST_CASE(top_must_be_an_object),
            TEST_CASE(required_members_must_be_there),
            TEST_CASE(lists_that_must_not_be_empty),
            TEST_CASE(members_of_the_wrong_type_are_refused),
            TEST_CASE(elements_of_the_wrong_type_are_refused),
            TEST_CASE(unknown_interface_types_are_refused),
            TEST_CASE(characters_that_the_bus_refuses_are_refused),
    };

    return test_main(argc, argv, "parse", cases, G_N_ELEMENTS(cases));
}
