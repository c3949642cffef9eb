/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "util-lint.h"

/* Members and words that the schema does not have. */

static void words_that_the_schema_does_not_have(void) {
    g_autoptr(TestDir) root = test_lint_new();

    test_assert_lint(
            root, "features", "['acpi-s3', 'Secure_Boot', 'x/y']",
            "a:/features/1: warning: unknown feature \"Secure_Boot\"; did you mean \"secure-boot\"?\n"
            "a:/features/2: warning: unknown feature \"x/y\"");
    test_assert_lint(
            root, "targets",
            "[{'architecture': 'x86_64', 'machines': ['pc-q35-*']},"
            " {'architecture': 'X86_64', 'machines': ['*']}]",
            "a:/targets/1/architecture: warning: unknown architecture \"X86_64\"; did you mean \"x86_64\"?\n"
            "a:/targets/1/machines/0: warning: no flash for these images is known on machine *, and "
            "none is recorded");
    /* tags are free text */
    test_assert_lint(root, "tags", "['-D', 'ANYTHING']", "");
}

static void nothing_of_it_moves_a_terminal(void) {
    g_autoptr(TestDir) root = test_lint_new();

    test_assert_lint(
            root, "features", "['\\u001b[1m\\n\\\\']",
            "a:/features/0: warning: unknown feature \"\\x1b[1m\\x0a\\x5c\"");
    test_assert_lint(root, "\\r", "1", "a:/\\x0d: warning: unknown member \"\\x0d\"");
}

static void all_features_are_known(void) {
    g_autoptr(TestDir) root = test_lint_new();

    test_write_sparse(root, "rom", 65536);
    test_describe(
            root, "vendor/a.json", "mapping", "{'device': 'memory', 'filename': '/rom'}",
            "features",
            "['acpi-s3', 'acpi-s4', 'amd-sev', 'amd-sev-es', 'amd-sev-snp', 'enrolled-keys',"
            " 'host-uefi-vars', 'intel-tdx', 'requires-smm', 'secure-boot', 'verbose-dynamic',"
            " 'verbose-static']",
            NULL);
    test_assert_findings(root, "@/vendor", "");
}

static void members_at_the_top(void) {
    g_autoptr(TestDir) root = test_lint_new();

    test_assert_lint(
            root, "Tags", "[]",
            "a:/Tags: warning: unknown member \"Tags\"; did you mean \"tags\"?");
    test_assert_lint(root, "a/b~c", "1", "a:/a~1b~0c: warning: unknown member \"a/b~c\"");
    test_assert_lint(
            root, "interface_types", "1",
            "a:/interface_types: warning: unknown member \"interface_types\"; did you mean "
            "\"interface-types\"?");
}

static void members_of_the_mapping(void) {
    g_autoptr(TestDir) root = test_lint_new();

    test_assert_lint(
            root, "mapping",
            "{'device': 'flash', 'nvram_template': 1, 'filename': '/x',"
            " 'executable': {'filename': '/code.fd', 'format': 'raw', 'size': 1},"
            " 'nvram-template': {'filename': '/vars.fd', 'format': 'raw',"
            "  'flash': {'unit': 1, 'sectors': 4, 'filename': '/y'}}}",
            "a:/mapping/nvram_template: warning: unknown member \"nvram_template\"; did you "
            "mean \"nvram-template\"?\n"
            "a:/mapping/filename: warning: unknown member \"filename\"\n"
            "a:/mapping/executable/size: warning: unknown member \"size\"\n"
            "a:/mapping/nvram-template/flash/sectors: warning: unknown member \"sectors\"\n"
            "a:/mapping/nvram-template/flash/filename: warning: unknown member \"filename\"");
    test_assert_lint(
            root, "targets", "[{'architecture': 'x86_64', 'machines': ['pc-q35-*'], 'a': 1}]",
            "a:/targets/0/a: warning: unknown member \"a\"");
}

static void members_of_the_other_devices(void) {
    g_autoptr(TestDir) root = test_lint_new();

    test_write_sparse(root, "rom", 65536);
    test_write_text(root, "store.json", "{}");
    test_assert_lint(
            root, "mapping",
            "{'device': 'memory', 'filename': '/rom',"
            " 'uefi-vars': {'template': '/store.json', 'b': 1}, 'nvram-template': {}}",
            "a:/mapping/nvram-template: warning: ignored: there is no executable\n"
            "a:/mapping/uefi-vars/b: warning: unknown member \"b\"");
    test_assert_lint(
            root, "mapping",
            "{'device': 'memory', 'filename': '/x', 'uefi-vars': {'template': '/y'},"
            " 'executable': {'filename': '/rom'},"
            " 'nvram-template': {'filename': '/store.json'}}",
            "a:/mapping/filename: warning: ignored: there is an executable, too\n"
            "a:/mapping/uefi-vars: warning: ignored: there is an executable, too");
    test_assert_lint(
            root, "mapping", "{'device': 'kernel', 'filename': '/rom', 'executable': {}}",
            "a:/mapping/executable: warning: unknown member \"executable\"");
    test_assert_lint(root, "mapping", "{'device': 'igvm', 'filename': '/rom'}", "");
}

static void a_template_that_the_mode_ignores(void) {
    g_autoptr(TestDir) root = test_lint_new();

    test_assert_lint(
            root, "mapping",
            "{'device': 'flash', 'mode': 'stateless',"
            " 'executable': {'filename': '/code.fd', 'format': 'raw'},"
            " 'nvram-template': {'filename': '/none', 'format': 'raw'}}",
            "a:/mapping/nvram-template: warning: ignored: only mode split has a template");
    test_write_sparse(root, "rom", 65536);
    test_assert_lint(
            root, "mapping",
            "{'device': 'memory', 'mode': 'stateless', 'executable': {'filename': '/rom'},"
            " 'nvram-template': {'filename': '/none'}}",
            "a:/mapping/nvram-template: warning: ignored: only mode split has a template");
}

static void members_that_libvirt_needs(void) {
    g_autoptr(TestDir) root = test_lint_new();
    g_autofree char *text = test_below(
            root,
            "{\"interface-types\": [\"uefi\"], \"mapping\": {\"device\": \"flash\","
            " \"executable\": {\"filename\": \"@/code.fd\", \"format\": \"raw\"},"
            " \"nvram-template\": {\"filename\": \"@/vars.fd\", \"format\": \"raw\"}},"
            " \"targets\": [{\"architecture\": \"x86_64\", \"machines\": [\"pc-q35-*\"]}]}");

    test_write_text(root, "vendor/a.json", text);
    test_assert_findings(
            root, "@/vendor/a.json",
            "@/vendor/a.json:/description: error: missing: libvirt ignores the file\n"
            "@/vendor/a.json:/features: error: missing: libvirt ignores the file\n"
            "@/vendor/a.json:/tags: error: missing: libvirt ignores the file");
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(words_that_the_schema_does_not_have),
            TEST_CASE(nothing_of_it_moves_a_terminal),
            TEST_CASE(all_features_are_known),
            TEST_CASE(members_that_libvirt_needs),
            TEST_CASE(members_at_the_top),
            TEST_CASE(members_of_the_mapping),
            TEST_CASE(members_of_the_other_devices),
            TEST_CASE(a_template_that_the_mode_ignores),
    };

    return test_main(argc, argv, "lint-members", cases, G_N_ELEMENTS(cases));
}
