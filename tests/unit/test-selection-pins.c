/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/selection.h"

#include "util-catalog.h"

/* One firmware held against a question: whether a VM's choice is still what it asks for, and
 * whether another could take its place. */

static const char *const no_features[] = {NULL};

static void set_strings(Request *request, const char *key, const char *words) {
    g_auto(GStrv) strings = g_strsplit(words, " ", -1);
    const RequestValue value = {
            .type = REQUEST_VALUE_STRINGS, .strings = (const char *const *)strings};

    g_assert_true(request_set(request, key, &value, NULL));
}

static void set_string(Request *request, const char *key, const char *string) {
    const RequestValue value = {.type = REQUEST_VALUE_STRING, .string = string};

    g_assert_true(request_set(request, key, &value, NULL));
}

/* The descriptor that test_document() has by default, under the name "a". */
static void assert_reasons(
        const Request *request, const char *const *host_features, const char *member,
        const char *value, const char *expected) {
    g_autofree char *document = test_document(member, value, NULL);
    g_autoptr(Descriptor) descriptor = test_parse(document);
    g_autoptr(GPtrArray) reasons = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) images = catalog_images_new();

    g_ptr_array_add(reasons, g_strdup("before"));
    selection_check_requirements(request, images, "a", descriptor, host_features, reasons);
    test_assert_joined_array(reasons, expected);
}

static void no_requirement_stands_against_nothing(void) {
    g_autoptr(Request) request = request_new(REQUEST_CALL_PIN, NULL, NULL, NULL);

    assert_reasons(request, no_features, NULL, NULL, "before");
}

static void requirements_that_are_satisfied(void) {
    g_autoptr(Request) request = request_new(REQUEST_CALL_REBIND, NULL, NULL, NULL);

    set_string(request, "interface", "uefi");
    set_strings(request, "features", "secure-boot");
    set_strings(request, "without-features", "amd-sev");
    set_strings(request, "devices", "memory flash");
    set_strings(request, "modes", "combined split");
    set_strings(request, "formats", "qcow2 raw");
    set_string(request, "firmware", "a");
    set_string(request, "executable", "/code.fd");
    assert_reasons(request, no_features, NULL, NULL, "before");
}

/* Neither machine nor architecture nor images count: a pinned firmware may have lost them. */
static void each_requirement_that_is_not_is_told(void) {
    g_autoptr(Request) request = request_new(REQUEST_CALL_PREPARE, "s390x", "virt", NULL);

    set_string(request, "interface", "bios");
    set_strings(request, "features", "secure-boot x");
    set_strings(request, "without-features", "acpi-s3 y");
    set_strings(request, "devices", "kernel");
    set_strings(request, "modes", "stateless");
    set_strings(request, "formats", "qcow2");
    set_string(request, "firmware", "b");
    set_string(request, "executable", "/vars.fd");
    assert_reasons(
            request, no_features, NULL, NULL,
            "before, interface, feature-missing:x, feature-present:acpi-s3, device, mode, format, "
            "firmware, executable");
}

static void the_host_is_asked_where_that_is_wanted(void) {
    static const char *const sev[] = {"amd-sev", NULL};
    static const RequestValue yes = {.type = REQUEST_VALUE_BOOLEAN, .boolean = TRUE};
    g_autoptr(Request) request = request_new(REQUEST_CALL_PIN, NULL, NULL, NULL);
    const char *features = "['amd-sev', 'amd-sev-es', 'secure-boot']";

    assert_reasons(request, no_features, "features", features, "before");
    g_assert_true(request_set(request, "host-supported", &yes, NULL));
    assert_reasons(request, sev, "features", features, "before, host-lacks:amd-sev-es");
}

/* -- one firmware of a catalog ----------------------------------------------------------- */

static gboolean accepts(
        const Catalog *catalog, const Request *request, const char *machine, const char *name) {
    const SelectionInput input = {
            .catalog = catalog,
            .request = request,
            .machine = machine_table_resolve(catalog->machines, "x86_64", machine),
            .host_features = no_features,
    };

    return selection_accepts(&input, test_find(catalog, name));
}

static void what_is_usable_and_passes_is_accepted(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(Request) request = request_new(REQUEST_CALL_PREPARE, "x86_64", "q35", NULL);
    g_autoptr(Catalog) catalog = NULL;

    test_describe(root, "vendor/a.json", NULL);
    test_describe(root, "vendor/b.json", NULL);
    test_describe(root, "vendor/bios.json", "interface-types", "['bios']", NULL);
    test_describe(
            root, "vendor/no.json", "mapping",
            "{'device': 'flash', 'mode': 'stateless',"
            " 'executable': {'filename': '/no', 'format': 'raw'}}",
            NULL);
    test_write_sparse(root, "odd.fd", 4097);
    test_describe(
            root, "vendor/odd.json", "mapping",
            "{'device': 'flash', 'mode': 'stateless',"
            " 'executable': {'filename': '/odd.fd', 'format': 'raw'}}",
            NULL);
    test_write_text(root, "vendor/invalid.json", "{}");
    test_describe(root, "vendor/c.json", NULL);
    test_describe(root, "user/c.json", "interface-types", "['bios']", NULL);
    catalog = test_catalog(root);

    set_string(request, "interface", "uefi");
    /* first or not */
    g_assert_true(accepts(catalog, request, "q35", "a"));
    g_assert_true(accepts(catalog, request, "q35", "b"));
    g_assert_true(accepts(catalog, request, "pc-q35-7.2", "b"));
    g_assert_false(accepts(catalog, request, "pc", "a"));
    g_assert_false(accepts(catalog, request, "q35", "bios"));
    g_assert_false(accepts(catalog, request, "q35", "no"));
    g_assert_false(accepts(catalog, request, "q35", "odd"));
    g_assert_false(accepts(catalog, request, "q35", "invalid"));
    /* the file that counts */
    g_assert_false(accepts(catalog, request, "q35", "c"));
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(no_requirement_stands_against_nothing),
            TEST_CASE(requirements_that_are_satisfied),
            TEST_CASE(each_requirement_that_is_not_is_told),
            TEST_CASE(the_host_is_asked_where_that_is_wanted),
            TEST_CASE(what_is_usable_and_passes_is_accepted),
    };

    return test_main(argc, argv, "selection-pins", cases, G_N_ELEMENTS(cases));
}
