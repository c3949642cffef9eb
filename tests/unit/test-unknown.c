/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/unknown.h"

#include "base/alike.h"
#include "core/architecture.h"
#include "util-catalog.h"

/* -- alike ------------------------------------------------------------------------------- */

static void the_nearest_word_is_found(void) {
    static const char *const words[] = {"secure-boot", "q35", "pc", "enrolled-keys", NULL};

    g_assert_cmpstr(alike_find("Secure_Boot", words), ==, "secure-boot");
    g_assert_cmpstr(alike_find("secureboot", words), ==, "secure-boot");
    g_assert_cmpstr(alike_find("enroled-kesy", words), ==, "enrolled-keys");
    g_assert_cmpstr(alike_find("Q35", words), ==, "q35");
    g_assert_cmpstr(alike_find("q53", words), ==, "q35");
    g_assert_cmpstr(alike_find("q35s", words), ==, "q35");
    g_assert_cmpstr(alike_find("pc", words), ==, "pc");
}

static void a_distant_word_is_none(void) {
    static const char *const words[] = {"secure-boot", "q35", "enrolled-keys", NULL};
    g_autofree char *hint = alike_hint("virt", words);

    g_assert_null(alike_find("", words));
    g_assert_null(alike_find("q", words));
    g_assert_null(alike_find("enrolled", words));
    g_assert_null(alike_find("secure-boot", words + 3));
    g_assert_cmpstr(hint, ==, "");
}

/* -- architectures ----------------------------------------------------------------------- */

static void others_names_of_architectures_are_taken(void) {
    static const char *const names[][2] = {
            {"amd64", "x86_64"},  {"x86-64", "x86_64"}, {"i486", "i386"},   {"i586", "i386"},
            {"i686", "i386"},     {"arm64", "aarch64"}, {"armv6l", "arm"},  {"armv7l", "arm"},
            {"ppc64le", "ppc64"}, {"x86_64", "x86_64"}, {"AMD64", "AMD64"}, {"", ""},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(Request) request = NULL;

        g_assert_cmpstr(architecture_from_name(names[i][0]), ==, names[i][1]);
        if (!names[i][0][0])
            continue;
        request = request_new(REQUEST_CALL_SELECT, names[i][0], "q35", NULL);
        g_assert_cmpstr(request->architecture, ==, names[i][1]);
    }
}

/* -- a question -------------------------------------------------------------------------- */

typedef struct Fixture {
    TestDir *root;
    Catalog *catalog;
} Fixture;

static void fixture_clear(Fixture *f) {
    catalog_unref(f->catalog);
    test_dir_free(f->root);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Fixture, fixture_clear)

static void fixture_init(Fixture *f) {
    f->root = test_layers_new();
    test_describe(
            f->root, "vendor/50-edk2.json", "features", "['secure-boot', 'new-feature']", "targets",
            "[{'architecture': 'x86_64', 'machines': ['pc-q35-*', 'new-*']},"
            " {'architecture': 'new64', 'machines': ['board']}]",
            NULL);
    f->catalog = test_catalog(f->root);
    machine_table_add_type(f->catalog->machines, "x86_64", "x-remote", NULL);
}

static char *ask(
        const Fixture *f, const char *architecture, const char *machine, const char *firmware,
        const char *feature) {
    g_autoptr(Request) request = request_new(REQUEST_CALL_SELECT, architecture, machine, NULL);
    const char *const features[] = {feature, NULL};
    const RequestValue strings = {.type = REQUEST_VALUE_STRINGS, .strings = features};
    const RequestValue string = {.type = REQUEST_VALUE_STRING, .string = firmware};
    gboolean is_set = (!firmware || request_set(request, "firmware", &string, NULL)) &&
            (!feature || request_set(request, "features", &strings, NULL));

    g_assert_true(is_set);
    return unknown_describe(f->catalog, request);
}

static void assert_machine(
        const Fixture *f, const char *architecture, const char *machine, const char *expected) {
    g_autofree char *text = ask(f, architecture, machine, NULL, NULL);

    g_assert_cmpstr(text, ==, expected);
}

static void architectures_are_known_by_table_target_or_qemu(void) {
    g_auto(Fixture) f = {};

    fixture_init(&f);
    assert_machine(&f, "amd64", "q35", NULL);
    assert_machine(&f, "new64", "board", NULL);
    assert_machine(&f, "s390x", "x", "unknown machine type \"x\" for s390x");
    assert_machine(&f, "x64_86", "q35", "unknown architecture \"x64_86\"");
    assert_machine(
            &f, "x84_64", "q35", "unknown architecture \"x84_64\"; did you mean \"x86_64\"?");
    assert_machine(
            &f, "q35", "amd64",
            "unknown architecture \"q35\"; did you mean \"x86_64\", with the machine type \"q35\"?");
}

static void machines_are_known_by_table_emulator_or_target(void) {
    g_auto(Fixture) f = {};

    fixture_init(&f);
    assert_machine(&f, "x86_64", "pc-q35-99.9", NULL);
    assert_machine(&f, "x86_64", "microvm", NULL);
    assert_machine(&f, "x86_64", "new-board", NULL);
    assert_machine(&f, "x86_64", "x-remote", NULL);
    assert_machine(
            &f, "x86_64", "Q35", "unknown machine type \"Q35\" for x86_64; did you mean \"q35\"?");
    assert_machine(
            &f, "x86_64", "q35,accel=kvm",
            "unknown machine type \"q35,accel=kvm\" for x86_64; did you mean \"q35\"?");
    assert_machine(
            &f, "x86_64", "x-remot",
            "unknown machine type \"x-remot\" for x86_64; did you mean \"x-remote\"?");
    assert_machine(&f, "x86_64", "virt", "unknown machine type \"virt\" for x86_64");
}

static void assert_names(
        const Fixture *f, const char *firmware, const char *feature, const char *expected) {
    g_autofree char *text = ask(f, "x86_64", "q35", firmware, feature);

    g_assert_cmpstr(text, ==, expected);
}

static void firmware_and_features_are_known_by_a_descriptor_or_the_schema(void) {
    g_auto(Fixture) f = {};

    fixture_init(&f);
    assert_names(&f, "50-edk2", "new-feature", NULL);
    assert_names(&f, NULL, "intel-tdx", NULL);
    assert_names(
            &f, "50-edk2.json", NULL,
            "unknown firmware \"50-edk2.json\"; did you mean \"50-edk2\"?");
    assert_names(&f, "nonsense", NULL, "unknown firmware \"nonsense\"");
    assert_names(
            &f, NULL, "secureboot",
            "unknown feature \"secureboot\"; did you mean \"secure-boot\"?");
    assert_names(&f, NULL, "nonsense", "unknown feature \"nonsense\"");
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(the_nearest_word_is_found),
            TEST_CASE(a_distant_word_is_none),
            TEST_CASE(others_names_of_architectures_are_taken),
            TEST_CASE(architectures_are_known_by_table_target_or_qemu),
            TEST_CASE(machines_are_known_by_table_emulator_or_target),
            TEST_CASE(firmware_and_features_are_known_by_a_descriptor_or_the_schema),
    };

    return test_main(argc, argv, "unknown", cases, G_N_ELEMENTS(cases));
}
