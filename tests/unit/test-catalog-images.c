/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/catalog.h"

#include "util-catalog.h"

/* When is a firmware usable? */

static void assert_state(
        const Catalog *catalog, const char *name, FirmwareState state, const char *root,
        const char *reasons) {
    const CatalogFile *file = test_find(catalog, name);
    g_autofree char *expected = test_below(root, reasons);

    test_assert_joined(file->reasons, expected);
    g_assert_cmpint(file->state, ==, state);
}

static void assert_one(const char *root, FirmwareState state, const char *reasons) {
    g_autoptr(Catalog) catalog = test_catalog(root);

    assert_state(catalog, "a", state, root, reasons);
    g_assert_cmpuint(catalog->problems->len, ==, state == FIRMWARE_STATE_USABLE ? 0 : 1);
}

#define SPLIT(code, code_format, vars, vars_format)                         \
    "{'device': 'flash',"                                                   \
    " 'executable': {'filename': '" code "', 'format': '" code_format "'}," \
    " 'nvram-template': {'filename': '" vars "', 'format': '" vars_format "'}}"

static void assert_mapping(const char *root, const char *mapping, const char *reasons) {
    test_describe(root, "vendor/a.json", "mapping", mapping, NULL);
    assert_one(root, reasons[0] ? FIRMWARE_STATE_UNUSABLE : FIRMWARE_STATE_USABLE, reasons);
}

static void a_firmware_with_fitting_images_is_usable(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(Catalog) catalog = NULL;
    const CatalogFile *file;

    test_describe(root, "vendor/a.json", NULL);
    assert_one(root, FIRMWARE_STATE_USABLE, "");
    catalog = test_catalog(root);
    file = test_find(catalog, "a");
    g_assert_cmpuint(file->images.executable.size, ==, 8192);
    g_assert_cmpuint(file->images.nvram_template.size, ==, 4096);
    test_assert_joined(catalog->architectures, "x86_64");
}

static void images_that_are_not_there(void) {
    g_autoptr(TestDir) root = test_layers_new();

    assert_mapping(root, SPLIT("/no", "raw", "/vars.fd", "raw"), "file-missing:@/no");
    assert_mapping(
            root, SPLIT("/no", "raw", "/nor-this", "raw"),
            "file-missing:@/no, file-missing:@/nor-this");
    assert_mapping(root, SPLIT("/code.fd", "raw", "/code.fd/x", "raw"), "file-missing:@/code.fd/x");
}

static void images_that_are_no_files(void) {
    g_autoptr(TestDir) root = test_layers_new();

    test_link(root, "loop", "loop");
    test_link(root, "zero", "/dev/zero");
    assert_mapping(
            root, SPLIT("/vendor", "raw", "/loop", "raw"),
            "file-unreadable:@/vendor, file-unreadable:@/loop");
    assert_mapping(root, SPLIT("/zero", "raw", "/vars.fd", "raw"), "file-unreadable:@/zero");
}

static void images_of_another_format(void) {
    g_autoptr(TestDir) root = test_layers_new();
    guint8 header[TEST_QCOW2_SIZE];

    test_qcow2_header(header, 8192);
    test_write(root, "code.qcow2", header, sizeof header);
    test_write_text(root, "vars.json", "{}");

    assert_mapping(root, SPLIT("/code.qcow2", "qcow2", "/vars.fd", "raw"), "");
    assert_mapping(
            root, SPLIT("/code.qcow2", "raw", "/vars.fd", "qcow2"),
            "bad-format:@/code.qcow2, bad-format:@/vars.fd");
    assert_mapping(root, SPLIT("/code.fd", "vmdk", "/vars.fd", "raw"), "bad-format:@/code.fd");
    /* a word of the service's own is none of firmware.json's */
    assert_mapping(root, SPLIT("/code.fd", "raw", "/vars.json", "json"), "bad-format:@/vars.json");
}

/* What is known of one image is not taken for what is known of another. */
static void an_unknown_format_can_be_any_text(void) {
    static const char *const orders[][2] = {
            {"vendor/a.json", "vendor/b.json"},
            {"vendor/b.json", "vendor/a.json"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(orders); i++) {
        g_autoptr(TestDir) root = test_layers_new();
        g_autofree char *directory = test_mkdir(root, "x:");
        g_autofree char *nested = g_strconcat(directory, root, NULL);
        g_autofree char *format = g_strdup_printf("raw:%s/x", root);
        g_autofree char *bad = g_strdup_printf(
                "{'device': 'flash', 'mode': 'stateless',"
                " 'executable': {'filename': '/code.fd', 'format': '%s'}}",
                format);
        g_autofree char *good = g_strdup_printf(
                "{'device': 'flash', 'mode': 'stateless',"
                " 'executable': {'filename': '/x:%s/code.fd', 'format': 'raw'}}",
                root);
        g_autoptr(Catalog) catalog = NULL;

        g_assert_no_errno(g_mkdir_with_parents(nested, 0700));
        test_write_sparse(nested, "code.fd", 8192);
        test_describe(root, orders[i][0], "mapping", bad, NULL);
        test_describe(root, orders[i][1], "mapping", good, NULL);
        catalog = test_catalog(root);
        g_assert_cmpint(test_find(catalog, i == 0 ? "a" : "b")->state, ==, FIRMWARE_STATE_UNUSABLE);
        g_assert_cmpint(test_find(catalog, i == 0 ? "b" : "a")->state, ==, FIRMWARE_STATE_USABLE);
    }
}

static void memory_takes_raw_files_and_json_stores_alone(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autofree char *large = g_strnfill(1048577, ' ');

    large[0] = '{';
    test_write(root, "large.json", large, 1048577);
    test_write_sparse(root, "rom", 65536);
    test_write_text(root, "vars.json", " {}");
    assert_mapping(
            root,
            "{'device': 'memory', 'filename': '/rom', 'uefi-vars': {'template': '/vars.json'}}",
            "");
    assert_mapping(
            root, "{'device': 'memory', 'filename': '/rom', 'uefi-vars': {'template': '/vars.fd'}}",
            "bad-format:@/vars.fd");
    assert_mapping(
            root, "{'device': 'memory', 'filename': '/rom', 'uefi-vars': {'template': '/no'}}",
            "file-missing:@/no");
    assert_mapping(
            root,
            "{'device': 'memory', 'filename': '/rom', 'uefi-vars': {'template': '/large.json'}}",
            "bad-size:@/large.json: the store has 1048577 bytes, and at most 1048576");
    assert_mapping(
            root,
            "{'device': 'memory', 'executable': {'filename': '/rom'},"
            " 'nvram-template': {'filename': '/vars.fd', 'format': 'raw'}}",
            "bad-format:@/vars.fd");
    assert_mapping(
            root, "{'device': 'memory', 'filename': '/code.fd'}",
            "bad-size:@/code.fd: the file has 8192 bytes, and -bios takes multiples of 65536");
}

static void a_qcow2_counts_with_its_virtual_size(void) {
    g_autoptr(TestDir) root = test_layers_new();
    guint8 header[TEST_QCOW2_SIZE];

    test_qcow2_header(header, 64 * 1024 * 1024);
    test_write(root, "code.qcow2", header, sizeof header);
    test_describe(
            root, "vendor/a.json", "mapping", SPLIT("/code.qcow2", "qcow2", "/vars.fd", "raw"),
            "targets", "[{'architecture': 'aarch64', 'machines': ['virt-*']}]", NULL);
    assert_one(root, FIRMWARE_STATE_USABLE, "");
}

/* -- "usable: some machine of its targets takes it" -------------------------------------- */

static void assert_targets(const char *targets, const char *reasons) {
    g_autoptr(TestDir) root = test_layers_new();

    test_describe(root, "vendor/a.json", "targets", targets, NULL);
    assert_one(root, reasons[0] ? FIRMWARE_STATE_UNUSABLE : FIRMWARE_STATE_USABLE, reasons);
}

static void one_machine_that_takes_it_is_enough(void) {
    assert_targets("[{'architecture': 'x86_64', 'machines': ['microvm', 'pc-i440fx-7.2']}]", "");
    assert_targets("[{'architecture': 'x86_64', 'machines': ['*']}]", "");
    assert_targets("[{'architecture': 'x86_64', 'machines': ['pc-[iq]*']}]", "");
    assert_targets(
            "[{'architecture': 'aarch64', 'machines': ['virt-*']},"
            " {'architecture': 'i386', 'machines': ['pc-q35-?.*']}]",
            "");
}

static void the_first_machine_tells_why_none_takes_it(void) {
    assert_targets("[{'architecture': 'x86_64', 'machines': ['microvm']}]", "geometry-unknown");
    assert_targets(
            "[{'architecture': 'x86_64', 'machines': ['not-known-yet']}]", "geometry-unknown");
    assert_targets(
            "[{'architecture': 'aarch64', 'machines': ['virt-*']},"
            " {'architecture': 'x86_64', 'machines': ['microvm']}]",
            "bad-size:@/code.fd: the image has 8192 bytes, and flash unit 0 67108864");
    /* an alias is no canonical type */
    assert_targets("[{'architecture': 'x86_64', 'machines': ['q35']}]", "machine");
}

static void hostile_globs_are_borne(void) {
    g_autoptr(GString) stars = g_string_new("[{'architecture': 'x86_64', 'machines': ['");
    g_autoptr(GString) brackets = g_string_new(stars->str);
    g_autoptr(GString) classes = g_string_new(stars->str);
    g_autoptr(GString) ends = g_string_new(stars->str);

    for (guint i = 0; i < 10000; i++) {
        g_string_append(stars, "*a*?");
        g_string_append(brackets, "*[");
    }
    g_string_append_c(ends, '[');
    for (guint i = 0; i < 2000; i++) {
        g_string_append(classes, "[[:");
        g_string_append(ends, "[:no:]");
    }
    g_string_append(stars, "*b']}]");
    g_string_append(brackets, "']}]");
    g_string_append(classes, "']}]");
    g_string_append(ends, "]']}]");
    assert_targets(stars->str, "geometry-unknown");
    assert_targets(brackets->str, "geometry-unknown");
    assert_targets(classes->str, "geometry-unknown");
    assert_targets(ends->str, "machine");
}

/* -- what is told of it ------------------------------------------------------------------ */

static void architectures_are_those_of_usable_firmware(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(Catalog) catalog = NULL;

    test_describe(
            root, "vendor/a.json", "targets",
            "[{'architecture': 'x86_64', 'machines': ['pc-q35-*']},"
            " {'architecture': 'zzz', 'machines': ['a']},"
            " {'architecture': 'i386', 'machines': ['pc-q35-*']},"
            " {'architecture': 'x86_64', 'machines': ['b']}]",
            NULL);
    test_describe(
            root, "vendor/b.json", "targets", "[{'architecture': 'arm', 'machines': ['virt-*']}]",
            NULL);
    test_write_text(root, "vendor/c.json", "{");
    catalog = test_catalog(root);
    test_assert_joined(catalog->architectures, "i386, x86_64, zzz");
}

static void assert_builtin(const char *root, guint n_problems) {
    g_autoptr(GPtrArray) layers = test_layers(root);
    g_autoptr(MachineTable) machines = test_shipped_machines();
    g_autoptr(Catalog) catalog = NULL;

    ((CatalogLayer *)layers->pdata[0])->kind = FIRMWARE_LAYER_BUILTIN;
    catalog = test_catalog_of(layers, machines);
    g_assert_cmpint(test_find(catalog, "a")->state, !=, FIRMWARE_STATE_USABLE);
    g_assert_cmpuint(catalog->problems->len, ==, n_problems);
}

static void an_absent_image_of_a_builtin_descriptor_is_no_problem(void) {
    g_autoptr(TestDir) root = test_layers_new();

    test_describe(
            root, "vendor/a.json", "mapping", "{'device': 'memory', 'filename': '/no'}", NULL);
    assert_builtin(root, 0);
    test_describe(
            root, "vendor/a.json", "mapping", "{'device': 'memory', 'filename': '/vendor'}", NULL);
    assert_builtin(root, 1);
    test_write_text(root, "vendor/a.json", "{");
    assert_builtin(root, 1);
}

static void problems_of_the_machine_table_are_told(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(GPtrArray) layers = test_layers(root);
    const char *const directories[] = {root, NULL};
    g_autoptr(MachineTable) machines = NULL;
    g_autoptr(Catalog) catalog = NULL;
    const CatalogProblem *problem;

    test_write_text(root, "a.conf", "[virt]\nunits=1\n");
    machines = machine_table_load(directories, NULL, NULL);
    catalog = test_catalog_of(layers, machines);
    g_assert_cmpuint(catalog->problems->len, ==, 1);
    problem = catalog->problems->pdata[0];
    g_assert_true(g_str_has_suffix(problem->path, "/a.conf"));
    g_assert_cmpstr(problem->text, ==, "[virt] architectures is missing");
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(a_firmware_with_fitting_images_is_usable),
            TEST_CASE(images_that_are_not_there),
            TEST_CASE(images_that_are_no_files),
            TEST_CASE(images_of_another_format),
            TEST_CASE(an_unknown_format_can_be_any_text),
            TEST_CASE(memory_takes_raw_files_and_json_stores_alone),
            TEST_CASE(a_qcow2_counts_with_its_virtual_size),
            TEST_CASE(one_machine_that_takes_it_is_enough),
            TEST_CASE(the_first_machine_tells_why_none_takes_it),
            TEST_CASE(hostile_globs_are_borne),
            TEST_CASE(architectures_are_those_of_usable_firmware),
            TEST_CASE(an_absent_image_of_a_builtin_descriptor_is_no_problem),
            TEST_CASE(problems_of_the_machine_table_are_told),
    };

    return test_main(argc, argv, "catalog-images", cases, G_N_ELEMENTS(cases));
}
