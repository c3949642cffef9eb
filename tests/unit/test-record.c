/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lint/record.h"

#include <string.h>

#include "base/error.h"
#include "core/parse.h"
#include "util-catalog.h"

/* What vendor/a.json becomes, or NULL with *ERROR. */
static char *record(const char *root, GError **error) {
    g_autoptr(MachineTable) machines = test_shipped_machines();
    g_autofree char *path = g_build_filename(root, "vendor/a.json", NULL);
    g_autoptr(GBytes) document = NULL;
    char *text;
    gsize size;

    g_assert_true(g_file_get_contents(path, &text, &size, NULL));
    document = g_bytes_new_take(text, size);
    return record_geometry(document, machines, error);
}

/* The result, put in the place of vendor/a.json, is usable. */
static char *assert_recorded(const char *root) {
    g_autoptr(GError) error = NULL;
    char *text = record(root, &error);
    g_autoptr(Catalog) catalog = NULL;

    g_assert_no_error(error);
    test_write_text(root, "vendor/a.json", text);
    catalog = test_catalog(root);
    g_assert_cmpint(test_find(catalog, "a")->state, ==, FIRMWARE_STATE_USABLE);
    return text;
}

static void assert_refused(const char *root, GQuark domain, int code, const char *word) {
    g_autoptr(GError) error = NULL;
    g_autofree char *text = record(root, &error);

    g_assert_error(error, domain, code);
    g_assert_nonnull(strstr(error->message, word));
    g_assert_null(text);
}

static void assert_unusable(const char *root, const char *reason, const char *file) {
    g_autofree char *whole = g_strconcat(reason, ":", root, file, NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *text = record(root, &error);

    g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_IMAGE_UNUSABLE);
    g_assert_cmpstr(error->message, ==, whole);
    g_assert_null(text);
}

static const FlashUnit *recorded(const Descriptor *descriptor, gboolean is_template) {
    const DescriptorImage *image =
            is_template ? &descriptor->nvram_template : &descriptor->executable;

    g_assert_nonnull(image->flash);
    for (const FlashKey *key = flash_keys; key->name; key++)
        g_assert_true(!flash_record_has(image->flash, key) == !key->recordable);
    return &image->flash->values;
}

static void all_keys_of_both_units(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autofree char *text = NULL;
    g_autoptr(Descriptor) descriptor = NULL;
    const FlashUnit *code;
    const FlashUnit *variables;

    test_describe(root, "vendor/a.json", "features", "['secure-boot', 'requires-smm']", NULL);
    text = assert_recorded(root);
    descriptor = test_parse(text);
    code = recorded(descriptor, FALSE);
    variables = recorded(descriptor, TRUE);

    g_assert_cmpstr(code->name, ==, "system.flash0");
    g_assert_cmpstr(code->role, ==, "executable");
    g_assert_cmpuint(code->num_blocks, ==, 2);
    g_assert_cmpuint(code->sector_length, ==, 4096);
    g_assert_cmpuint(code->phys_addr, ==, 0x100000000 - 8192);
    g_assert_true(code->read_only);
    g_assert_true(code->secure);
    g_assert_cmpuint(variables->unit, ==, 1);
    g_assert_cmpuint(variables->phys_addr, ==, 0x100000000 - 12288);
    g_assert_false(variables->read_only);
}

static void it_is_the_geometry_of_an_unknown_machine(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autofree char *text = NULL;
    g_autoptr(GString) other = NULL;
    g_autoptr(Catalog) catalog = NULL;

    test_describe(root, "vendor/a.json", NULL);
    text = assert_recorded(root);
    other = g_string_new(text);
    g_string_replace(other, "pc-q35-*", "new-*", 0);
    test_write_text(root, "vendor/a.json", other->str);
    catalog = test_catalog(root);
    g_assert_cmpint(test_find(catalog, "a")->state, ==, FIRMWARE_STATE_USABLE);
}

static void all_else_is_kept(void) {
    static const char document[] =
            "{'x': {'b': [1, -2, 1.5, true, null, 'ü \\\" \\\\ \\n\\u001f'], 'a': []},"
            " 'tags': ['t'], 'features': [], 'description': 'd',"
            " 'targets': [{'machines': ['pc-q35-*'], 'y': 1, 'architecture': 'x86_64'}],"
            " 'interface-types': ['uefi'],"
            " 'mapping': {'mode': 'stateless', 'z': 1, 'executable':"
            " {'flash': {'mine': 7, 'width': 4}, 'w': 2, 'format': 'raw',"
            "  'filename': '@/code.fd'}, 'device': 'flash'}}";
    static const char expected[] = "{\n"
                                   "    'x' : {\n"
                                   "        'b' : [\n"
                                   "            1,\n"
                                   "            -2,\n"
                                   "            1.5,\n"
                                   "            true,\n"
                                   "            null,\n"
                                   "            'ü \\\" \\\\ \\n\\u001f'\n"
                                   "        ],\n"
                                   "        'a' : []\n"
                                   "    },\n"
                                   "    'tags' : [\n"
                                   "        't'\n"
                                   "    ],\n"
                                   "    'features' : [],\n"
                                   "    'description' : 'd',\n"
                                   "    'targets' : [\n"
                                   "        {\n"
                                   "            'machines' : [\n"
                                   "                'pc-q35-*'\n"
                                   "            ],\n"
                                   "            'y' : 1,\n"
                                   "            'architecture' : 'x86_64'\n"
                                   "        }\n"
                                   "    ],\n"
                                   "    'interface-types' : [\n"
                                   "        'uefi'\n"
                                   "    ],\n"
                                   "    'mapping' : {\n"
                                   "        'mode' : 'stateless',\n"
                                   "        'z' : 1,\n"
                                   "        'executable' : {\n"
                                   "            'flash' : {\n"
                                   "                'mine' : 7,\n"
                                   "                'width' : 1,\n"
                                   "                'unit' : 0,\n";
    static const char expected_end[] = "            },\n"
                                       "            'w' : 2,\n"
                                       "            'format' : 'raw',\n"
                                       "            'filename' : '@/code.fd'\n"
                                       "        },\n"
                                       "        'device' : 'flash'\n"
                                       "    }\n"
                                       "}\n";
    g_autoptr(TestDir) root = test_layers_new();
    g_autofree char *quoted = test_quote(document);
    g_autofree char *below = test_below(root, quoted);
    g_autofree char *start_quoted = test_quote(expected);
    g_autofree char *end_quoted = test_quote(expected_end);
    g_autofree char *end = test_below(root, end_quoted);
    g_autofree char *text = NULL;

    test_write_text(root, "vendor/a.json", below);
    text = assert_recorded(root);
    g_assert_true(g_str_has_prefix(text, start_quoted));
    g_assert_true(g_str_has_suffix(text, end));
}

static void a_second_time_changes_nothing(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autofree char *text = NULL;
    g_autofree char *again = NULL;

    test_describe(root, "vendor/a.json", NULL);
    text = assert_recorded(root);
    again = assert_recorded(root);
    g_assert_cmpstr(again, ==, text);
}

static void what_is_wrong_is_replaced(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autofree char *text = NULL;

    test_describe(
            root, "vendor/a.json", "mapping",
            "{'device': 'flash', 'mode': 'combined', 'executable': {'filename': '/code.fd',"
            " 'format': 'raw', 'flash': {'num-blocks': 1, 'name': 'wrong', 'size': 5}}}",
            NULL);
    text = assert_recorded(root);
    g_assert_null(strstr(text, "wrong"));
}

static void machines_that_agree_have_one_record(void) {
    g_autoptr(TestDir) root = test_layers_new();

    test_describe(
            root, "vendor/a.json", "targets",
            "[{'architecture': 'x86_64', 'machines': ['pc-q35-*', 'pc-i440fx-*', 'pc-*']},"
            " {'architecture': 'i386', 'machines': ['pc-q35-*']},"
            /* takes no flash, so it never reads it */
            " {'architecture': 'x86_64', 'machines': ['microvm']}]",
            NULL);
    g_free(assert_recorded(root));
}

static void machines_that_differ_have_none(void) {
    g_autoptr(TestDir) root = test_layers_new();

    test_write_sparse(root, "code.fd", 8 * 1024 * 1024);
    test_write_sparse(root, "vars.fd", 1024 * 1024);
    test_describe(
            root, "vendor/a.json", "mapping",
            "{'device': 'flash', 'mode': 'stateless', 'executable':"
            " {'filename': '/code.fd', 'format': 'raw'}}",
            "targets",
            "[{'architecture': 'x86_64', 'machines': ['pc-q35-*']},"
            " {'architecture': 'loongarch64', 'machines': ['virt']}]",
            NULL);
    assert_refused(root, FIRMWARE_ERROR, FIRMWARE_ERROR_NOT_SUPPORTED, "name of unit 0 on virt");
}

static void machines_that_nobody_knows_have_none(void) {
    g_autoptr(TestDir) root = test_layers_new();

    test_describe(
            root, "vendor/a.json", "targets",
            "[{'architecture': 'x86_64', 'machines': ['pc-q35-*', 'new-*']}]", NULL);
    assert_refused(root, FIRMWARE_ERROR, FIRMWARE_ERROR_NOT_SUPPORTED, "new-*");
}

static void firmware_elsewhere_has_none(void) {
    g_autoptr(TestDir) root = test_layers_new();

    test_describe(
            root, "vendor/a.json", "mapping", "{'device': 'memory', 'filename': '/code.fd'}", NULL);
    assert_refused(root, FIRMWARE_ERROR, FIRMWARE_ERROR_NOT_SUPPORTED, "device memory");
}

static void images_have_to_be_there_and_fit(void) {
    g_autoptr(TestDir) root = test_layers_new();

    test_describe(
            root, "vendor/a.json", "mapping",
            "{'device': 'flash', 'executable': {'filename': '/none', 'format': 'raw'},"
            " 'nvram-template': {'filename': '/vars.fd', 'format': 'qcow2'}}",
            NULL);
    assert_unusable(root, "file-missing", "/none");
    test_describe(root, "vendor/a.json", NULL);
    test_write_sparse(root, "code.fd", 4097);
    assert_unusable(
            root, "bad-size",
            "/code.fd: the image has 4608 bytes, and flash unit 0 sectors of 4096");
}

static void a_descriptor_has_to_be_one(void) {
    g_autoptr(TestDir) root = test_layers_new();

    test_write_text(root, "vendor/a.json", "{");
    assert_refused(root, PARSE_ERROR, PARSE_ERROR_SYNTAX, "parse-error:1:");
    test_write_text(root, "vendor/a.json", "{}");
    assert_refused(root, PARSE_ERROR, PARSE_ERROR_SCHEMA, "schema-error:/");
}

/* Each line of a list is indented. */
static void the_result_has_a_limit(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(GString) tags = g_string_new("['x'");

    while (tags->len < 60000)
        g_string_append(tags, ",'x'");
    g_string_append_c(tags, ']');
    test_describe(root, "vendor/a.json", "tags", tags->str, NULL);
    assert_refused(root, FIRMWARE_ERROR, FIRMWARE_ERROR_LIMITS_EXCEEDED, "65536");
}

/* Rather none than another one. */
static void a_number_that_would_change_is_refused(void) {
    static const char *const numbers[] = {"9223372036854775807", "1234567890123456789", "1e400"};
    g_autoptr(TestDir) root = test_layers_new();

    for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++) {
        test_describe(root, "vendor/a.json", "x", numbers[i], NULL);
        assert_refused(
                root, FIRMWARE_ERROR, FIRMWARE_ERROR_NOT_SUPPORTED, "cannot be written again");
    }
    test_describe(
            root, "vendor/a.json", "x", "[123456789012345678, '1234567890123456789\\\"']", NULL);
    g_free(assert_recorded(root));
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(all_keys_of_both_units),
            TEST_CASE(it_is_the_geometry_of_an_unknown_machine),
            TEST_CASE(all_else_is_kept),
            TEST_CASE(a_second_time_changes_nothing),
            TEST_CASE(what_is_wrong_is_replaced),
            TEST_CASE(machines_that_agree_have_one_record),
            TEST_CASE(machines_that_differ_have_none),
            TEST_CASE(machines_that_nobody_knows_have_none),
            TEST_CASE(firmware_elsewhere_has_none),
            TEST_CASE(images_have_to_be_there_and_fit),
            TEST_CASE(a_descriptor_has_to_be_one),
            TEST_CASE(the_result_has_a_limit),
            TEST_CASE(a_number_that_would_change_is_refused),
    };

    return test_main(argc, argv, "record", cases, G_N_ELEMENTS(cases));
}
