/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/selection.h"
#include "util-catalog.h"

static Capabilities *ask(const Catalog *catalog, const char *device) {
    static const char *const host_features[] = {NULL};
    const char *const devices[] = {device, NULL};
    const RequestValue value = {.type = REQUEST_VALUE_STRINGS, .strings = devices};
    g_autoptr(Request) request = request_new(REQUEST_CALL_CAPABILITIES, "x86_64", "q35", NULL);
    SelectionInput input = {
            .catalog = catalog,
            .request = request,
            .machine = machine_table_resolve(catalog->machines, "x86_64", "q35"),
            .host_features = host_features,
    };

    if (device)
        g_assert_true(request_set(request, "devices", &value, NULL));
    return selection_capabilities(&input);
}

static Catalog *three_firmwares(const char *root) {
    test_describe(
            root, "vendor/b.json", "features", "['x', 'y', 'z']", "interface-types",
            "['uefi', 'bios']", NULL);
    test_describe(
            root, "vendor/a.json", "features", "['y', 'x', 'y']", "mapping",
            "{'device': 'kernel', 'filename': '/code.fd'}", NULL);
    test_describe(root, "vendor/c.json", "features", "['v', 'y']", NULL);
    test_describe(
            root, "vendor/unusable.json", "features", "['w']", "mapping",
            "{'device': 'igvm', 'filename': '/no'}", NULL);
    test_describe(
            root, "vendor/other.json", "targets", "[{'architecture': 'arm', 'machines': ['a']}]",
            "features", "['u']", NULL);
    test_write_text(root, "vendor/invalid.json", "{");
    return test_catalog(root);
}

static void all_that_passes_is_summed_up(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(Catalog) catalog = three_firmwares(root);
    g_autoptr(Capabilities) c = ask(catalog, NULL);

    test_assert_joined_array(c->firmware, "a, b, c");
    test_assert_joined_array(c->interfaces, "uefi, bios");
    test_assert_joined_array(c->devices, "kernel, flash");
    test_assert_joined_array(c->modes, "stateless, split");
    test_assert_joined_array(c->formats, "raw");
    test_assert_joined_array(c->features, "y, x, z, v");
    test_assert_joined_array(c->features_always, "y");
}

static void requirements_filter(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(Catalog) catalog = three_firmwares(root);
    g_autoptr(Capabilities) c = ask(catalog, "kernel");

    test_assert_joined_array(c->firmware, "a");
    test_assert_joined_array(c->devices, "kernel");
    test_assert_joined_array(c->features, "y, x");
    test_assert_joined_array(c->features_always, "y, x");
}

static void nothing_passes_is_no_error(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(Catalog) catalog = test_catalog(root);
    g_autoptr(Capabilities) c = ask(catalog, NULL);

    test_assert_joined_array(c->firmware, "");
    test_assert_joined_array(c->interfaces, "");
    test_assert_joined_array(c->features_always, "");
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(all_that_passes_is_summed_up),
            TEST_CASE(requirements_filter),
            TEST_CASE(nothing_passes_is_no_error),
    };

    return test_main(argc, argv, "capabilities", cases, G_N_ELEMENTS(cases));
}
