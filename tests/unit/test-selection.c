/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/choice.h"

#include <string.h>

#include "base/error.h"
#include "util-catalog.h"

/* A catalog and one question to it: x86_64 q35 unless said otherwise. */
typedef struct Fixture {
    TestDir *root;
    Catalog *catalog;
    Request *request;
    const char *const *host_features;
} Fixture;

static void fixture_clear(Fixture *f) {
    request_free(f->request);
    catalog_unref(f->catalog);
    test_dir_free(f->root);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Fixture, fixture_clear)

static void ask(Fixture *f, const char *architecture, const char *machine) {
    g_autoptr(GError) error = NULL;

    if (!f->catalog)
        f->catalog = test_catalog(f->root);
    request_free(f->request);
    f->request = request_new(REQUEST_CALL_SELECT, architecture, machine, &error);
    g_assert_no_error(error);
}

static void require_value(Fixture *f, const char *key, const RequestValue *value) {
    g_autoptr(GError) error = NULL;

    g_assert_true(request_set(f->request, key, value, &error));
    g_assert_no_error(error);
}

static void require_strings(Fixture *f, const char *key, const char *words) {
    g_auto(GStrv) strings = g_strsplit(words, " ", -1);

    require_value(
            f, key,
            &(RequestValue){.type = REQUEST_VALUE_STRINGS,
                            .strings = (const char *const *)strings});
}

static void require_string(Fixture *f, const char *key, const char *string) {
    require_value(f, key, &(RequestValue){.type = REQUEST_VALUE_STRING, .string = string});
}

static SelectionInput input_of(const Fixture *f) {
    static const char *const none[] = {NULL};

    return (SelectionInput){
            .catalog = f->catalog,
            .request = f->request,
            .machine = machine_table_resolve(
                    f->catalog->machines, f->request->architecture, f->request->machine),
            .host_features = f->host_features ? f->host_features : none,
    };
}

/* Each verdict as "layer/name verdict (reasons)", one a line, with the root as @; and that the
 * choice is the one that Explain has. */
static void assert_verdicts(const Fixture *f, const char *expected) {
    SelectionInput input = input_of(f);
    g_autoptr(GPtrArray) verdicts = selection_explain(&input);
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    const CatalogFile *selected = NULL;

    for (guint i = 0; i < verdicts->len; i++) {
        const FileVerdict *verdict = verdicts->pdata[i];
        g_autofree char *reasons = g_strjoinv(", ", verdict->reasons);

        g_assert_true(verdict->file == f->catalog->files->pdata[i]);
        if (verdict->verdict == VERDICT_SELECTED)
            selected = verdict->file;
        g_string_append_printf(
                text, "%s%s/%s %s%s%s%s", i > 0 ? "\n" : "",
                firmware_layer_to_string(verdict->file->layer), verdict->file->name,
                verdict_to_string(verdict->verdict), reasons[0] ? " (" : "", reasons,
                reasons[0] ? ")" : "");
    }
    g_string_replace(text, f->root, "@", 0);
    g_assert_cmpstr(text->str, ==, expected);

    g_assert_true(choice_find(&input, &error) == selected);
    if (!selected)
        g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_NO_MATCHING_FIRMWARE);
    else
        g_assert_no_error(error);
}

static void assert_failure(const Fixture *f, const char *expected) {
    SelectionInput input = input_of(f);
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) text = NULL;

    g_assert_null(choice_find(&input, &error));
    g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_NO_MATCHING_FIRMWARE);
    text = g_string_new(error->message);
    g_string_replace(text, f->root, "@", 0);
    g_assert_cmpstr(text->str, ==, expected);
}

/* -- order and kinds of files ------------------------------------------------------------ */

static void the_first_that_passes_is_selected(void) {
    g_auto(Fixture) f = {.root = test_layers_new()};

    test_describe(f.root, "vendor/10-other.json", "interface-types", "['bios']", NULL);
    test_describe(f.root, "user/20-a.json", NULL);
    test_describe(f.root, "vendor/15-b.json", NULL);
    test_describe(f.root, "vendor/30-c.json", NULL);
    ask(&f, "x86_64", "q35");
    require_string(&f, "interface", "uefi");
    assert_verdicts(
            &f,
            "vendor/10-other rejected (interface)\n"
            "vendor/15-b selected\n"
            "user/20-a accepted\n"
            "vendor/30-c accepted");
}

static void files_without_effect_are_explained(void) {
    g_auto(Fixture) f = {.root = test_layers_new()};

    test_describe(f.root, "vendor/a.json", NULL);
    test_write_text(f.root, "admin/a.json", "");
    test_describe(f.root, "vendor/b.json", NULL);
    test_write_text(f.root, "user/b.json", "[]");
    test_describe(f.root, "vendor/c.json", NULL);
    test_describe(f.root, "admin/c.json", NULL);
    test_write_text(f.root, "user/d.json", "");
    ask(&f, "x86_64", "q35");
    assert_verdicts(
            &f,
            "admin/a masked\n"
            "vendor/a overridden (overridden-by:@/admin/a.json)\n"
            "user/b invalid (schema-error:: not an object)\n"
            "vendor/b overridden (overridden-by:@/user/b.json)\n"
            "admin/c selected\n"
            "vendor/c overridden (overridden-by:@/admin/c.json)\n"
            "user/d masked");
}

/* -- architecture and machine ------------------------------------------------------------ */

static void describe_targets(Fixture *f, const char *targets) {
    test_describe(f->root, "vendor/a.json", "targets", targets, NULL);
    g_clear_pointer(&f->catalog, catalog_unref);
}

static void assert_asked(
        Fixture *f, const char *architecture, const char *machine, const char *expected) {
    ask(f, architecture, machine);
    assert_verdicts(f, expected);
}

static void architecture_and_machine_must_be_of_one_target(void) {
    g_auto(Fixture) f = {.root = test_layers_new()};

    describe_targets(
            &f,
            "[{'architecture': 'x86_64', 'machines': ['pc-q35-*', 'pc-i440fx-7.?']},"
            " {'architecture': 'i386', 'machines': ['pc-i440fx-*']}]");
    assert_asked(&f, "x86_64", "pc-q35-7.2", "vendor/a selected");
    assert_asked(&f, "x86_64", "q35", "vendor/a selected");
    assert_asked(&f, "x86_64", "pc-i440fx-7.2", "vendor/a selected");
    assert_asked(&f, "x86_64", "pc-i440fx-8.0", "vendor/a rejected (machine)");
    assert_asked(&f, "x86_64", "pc-i440fx-7.10", "vendor/a rejected (machine)");
    assert_asked(&f, "i386", "pc", "vendor/a selected");
    assert_asked(&f, "i386", "q35", "vendor/a rejected (machine)");
    assert_asked(&f, "x86_64", "no-such-machine", "vendor/a rejected (machine)");
    assert_asked(&f, "aarch64", "virt", "vendor/a rejected (architecture)");
    assert_asked(&f, "X86_64", "q35", "vendor/a rejected (architecture)");
}

/* The catalog groups firmware by globs: the order is that of the names, and each firmware is asked
 * once. */
static void order_is_kept_across_lists_of_globs(void) {
    static const char *const q35 = "[{'architecture': 'x86_64', 'machines': ['pc-q35-*']}]";
    static const char *const split = "[{'architecture': 'x86_64', 'machines': ['pc-i440fx-*']},"
                                     " {'architecture': 'x86_64', 'machines': ['pc-q35-*']}]";
    /* as one text the two globs of "split" */
    static const char *const joined =
            "[{'architecture': 'x86_64', 'machines': ['pc-i440fx-*\\n8:pc-q35-*']}]";
    g_auto(Fixture) f = {.root = test_layers_new()};
    g_autoptr(Capabilities) capabilities = NULL;
    g_autofree char *names = NULL;
    SelectionInput input;

    test_describe(f.root, "vendor/1.json", "targets", joined, NULL);
    test_describe(f.root, "vendor/2.json", "targets", split, NULL);
    test_describe(f.root, "vendor/3.json", "targets", q35, NULL);
    test_describe(f.root, "vendor/4.json", "targets", split, NULL);
    test_describe(f.root, "vendor/5.json", "targets", q35, NULL);
    ask(&f, "x86_64", "q35");
    assert_verdicts(
            &f,
            "vendor/1 rejected (machine)\n"
            "vendor/2 selected\n"
            "vendor/3 accepted\n"
            "vendor/4 accepted\n"
            "vendor/5 accepted");

    input = input_of(&f);
    capabilities = selection_capabilities(&input);
    g_ptr_array_add(capabilities->firmware, NULL);
    names = g_strjoinv(" ", (char **)capabilities->firmware->pdata);
    g_assert_cmpstr(names, ==, "2 3 4 5");
}

static void globs_match_as_in_fnmatch(void) {
    g_auto(Fixture) f = {.root = test_layers_new()};

    describe_targets(&f, "[{'architecture': 'x86_64', 'machines': ['pc-q35-[!78].*']}]");
    assert_asked(&f, "x86_64", "pc-q35-9.1", "vendor/a selected");
    assert_asked(&f, "x86_64", "pc-q35-8.1", "vendor/a rejected (machine)");
    describe_targets(&f, "[{'architecture': 'x86_64', 'machines': ['pc-q35-\\\\*']}]");
    assert_asked(&f, "x86_64", "pc-q35-9.1", "vendor/a rejected (machine)");
    /* neither a period nor a slash is special */
    describe_targets(&f, "[{'architecture': 'x86_64', 'machines': ['*']}]");
    assert_asked(&f, "x86_64", ".a/b", "vendor/a rejected (geometry-unknown)");
}

static void sizes_are_held_against_the_machine_asked_for(void) {
    g_auto(Fixture) f = {.root = test_layers_new()};

    describe_targets(
            &f,
            "[{'architecture': 'x86_64', 'machines': ['pc-q35-*', 'microvm']},"
            " {'architecture': 'aarch64', 'machines': ['virt-*']}]");
    assert_asked(&f, "x86_64", "q35", "vendor/a selected");
    assert_asked(
            &f, "aarch64", "virt",
            "vendor/a rejected (bad-size:@/code.fd: the image has 8192 bytes, and flash unit 0 67108864)");
    assert_asked(&f, "x86_64", "microvm", "vendor/a rejected (geometry-unknown)");
}

/* -- requirements ------------------------------------------------------------------------ */

/* Asks with one requirement about the firmware that test_document() has by default. */
static void assert_requirement(
        const char *key, const char *string, const char *strings, const char *expected) {
    g_auto(Fixture) f = {.root = test_layers_new()};
    g_autofree char *below = string ? test_below(f.root, string) : NULL;

    test_describe(f.root, "vendor/a.json", NULL);
    ask(&f, "x86_64", "q35");
    if (below)
        require_string(&f, key, below);
    else
        require_strings(&f, key, strings);
    assert_verdicts(&f, expected);
}

static void each_requirement_has_its_reason(void) {
    assert_requirement("interface", "uefi", NULL, "vendor/a selected");
    assert_requirement("interface", "bios", NULL, "vendor/a rejected (interface)");
    assert_requirement("features", NULL, "secure-boot acpi-s3", "vendor/a selected");
    assert_requirement("features", NULL, "", "vendor/a selected");
    assert_requirement(
            "features", NULL, "x secure-boot y",
            "vendor/a rejected (feature-missing:x, feature-missing:y)");
    assert_requirement("without-features", NULL, "x", "vendor/a selected");
    assert_requirement(
            "without-features", NULL, "secure-boot x acpi-s3",
            "vendor/a rejected (feature-present:secure-boot, feature-present:acpi-s3)");
    assert_requirement("devices", NULL, "memory flash", "vendor/a selected");
    assert_requirement("devices", NULL, "memory kernel igvm", "vendor/a rejected (device)");
    assert_requirement("modes", NULL, "split", "vendor/a selected");
    assert_requirement("modes", NULL, "combined stateless", "vendor/a rejected (mode)");
    assert_requirement("formats", NULL, "qcow2 raw", "vendor/a selected");
    assert_requirement("formats", NULL, "qcow2", "vendor/a rejected (format)");
    assert_requirement("firmware", "a", NULL, "vendor/a selected");
    assert_requirement("firmware", "a.json", NULL, "vendor/a rejected (firmware)");
    assert_requirement("executable", "@/code.fd", NULL, "vendor/a selected");
    assert_requirement("executable", "@//code.fd", NULL, "vendor/a rejected (executable)");
    assert_requirement("render", NULL, "qemu", "vendor/a selected");
    assert_requirement("nvram-filename", "/v", NULL, "vendor/a selected");
}

static void an_empty_list_of_words_is_satisfied_by_none(void) {
    static const char *const none[] = {NULL};
    static const char *const keys[] = {"devices", "modes", "formats"};
    static const char *const reasons[] = {"device", "mode", "format"};

    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_auto(Fixture) f = {.root = test_layers_new()};
        g_autofree char *expected = g_strdup_printf("vendor/a rejected (%s)", reasons[i]);

        test_describe(f.root, "vendor/a.json", NULL);
        ask(&f, "x86_64", "q35");
        require_value(&f, keys[i], &(RequestValue){.type = REQUEST_VALUE_STRINGS, .strings = none});
        assert_verdicts(&f, expected);
    }
}

static void host_supported_asks_for_confidential_features_alone(void) {
    static const char *const sev[] = {"amd-sev", NULL};
    g_auto(Fixture) f = {.root = test_layers_new()};

    test_describe(
            f.root, "vendor/a.json", "features", "['secure-boot', 'amd-sev', 'amd-sev-es']", NULL);
    ask(&f, "x86_64", "q35");
    assert_verdicts(&f, "vendor/a selected");

    require_value(&f, "host-supported", &(RequestValue){.type = REQUEST_VALUE_BOOLEAN});
    assert_verdicts(&f, "vendor/a selected");

    ask(&f, "x86_64", "q35");
    require_value(
            &f, "host-supported", &(RequestValue){.type = REQUEST_VALUE_BOOLEAN, .boolean = TRUE});
    assert_verdicts(&f, "vendor/a rejected (host-lacks:amd-sev, host-lacks:amd-sev-es)");
    f.host_features = sev;
    assert_verdicts(&f, "vendor/a rejected (host-lacks:amd-sev-es)");
}

static void all_reasons_that_apply_are_told(void) {
    g_auto(Fixture) f = {.root = test_layers_new()};

    test_describe(
            f.root, "vendor/a.json", "mapping", "{'device': 'kernel', 'filename': '/no'}", NULL);
    ask(&f, "s390x", "virt");
    require_string(&f, "interface", "bios");
    require_strings(&f, "features", "x");
    require_strings(&f, "without-features", "secure-boot");
    require_strings(&f, "devices", "flash");
    require_strings(&f, "modes", "split");
    require_strings(&f, "formats", "qcow2");
    require_string(&f, "firmware", "b");
    require_string(&f, "executable", "/yes");
    assert_verdicts(
            &f,
            "vendor/a rejected (interface, architecture, feature-missing:x, "
            "feature-present:secure-boot, device, mode, format, firmware, executable, "
            "file-missing:@/no)");
}

/* -- no match ---------------------------------------------------------------------------- */

static void the_text_names_the_nearest_candidates(void) {
    g_auto(Fixture) f = {.root = test_layers_new()};

    test_describe(
            f.root, "vendor/1-arm.json", "targets",
            "[{'architecture': 'arm', 'machines': ['virt-*']}]", NULL);
    test_describe(f.root, "vendor/2-two.json", "interface-types", "['bios']", NULL);
    test_describe(f.root, "vendor/3-one.json", NULL);
    test_describe(
            f.root, "vendor/4-pc.json", "targets",
            "[{'architecture': 'x86_64', 'machines': ['pc-i440fx-*']}]", "features", "['x']", NULL);
    test_write_text(f.root, "vendor/5-invalid.json", "{}");
    ask(&f, "x86_64", "q35");
    require_string(&f, "interface", "uefi");
    require_strings(&f, "features", "x");
    assert_failure(
            &f,
            "no usable firmware for x86_64 q35 (pc-q35-10.0) passes; nearest: 3-one (feature-missing:x);"
            " 2-two (interface, feature-missing:x); 4-pc (machine: for pc-i440fx-*); "
            "machine type pc gets 4-pc");
}

static void no_candidate_at_all_is_told(void) {
    g_auto(Fixture) f = {.root = test_layers_new()};

    test_write_text(f.root, "vendor/a.json", "");
    ask(&f, "x86_64", "q35");
    assert_failure(
            &f,
            "no usable firmware for x86_64 q35 (pc-q35-10.0) passes: there is no valid descriptor");
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(the_first_that_passes_is_selected),
            TEST_CASE(files_without_effect_are_explained),
            TEST_CASE(architecture_and_machine_must_be_of_one_target),
            TEST_CASE(order_is_kept_across_lists_of_globs),
            TEST_CASE(globs_match_as_in_fnmatch),
            TEST_CASE(sizes_are_held_against_the_machine_asked_for),
            TEST_CASE(each_requirement_has_its_reason),
            TEST_CASE(an_empty_list_of_words_is_satisfied_by_none),
            TEST_CASE(host_supported_asks_for_confidential_features_alone),
            TEST_CASE(all_reasons_that_apply_are_told),
            TEST_CASE(the_text_names_the_nearest_candidates),
            TEST_CASE(no_candidate_at_all_is_told),
    };

    return test_main(argc, argv, "selection", cases, G_N_ELEMENTS(cases));
}
