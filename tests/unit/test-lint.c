/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lint/lint.h"

#include <glib/gstdio.h>
#include <string.h>

#include "core/parse.h"
#include "util-lint.h"

/* -- what the service says, and where ---------------------------------------------------- */

static void a_good_descriptor_has_no_findings(void) {
    g_autoptr(TestDir) root = test_lint_new();

    test_assert_lint(root, NULL, NULL, "");
}

static void faults_have_their_place(void) {
    g_autoptr(TestDir) root = test_lint_new();

    test_write_text(root, "vendor/a.json", "{\n  \"a\": 1,\n  \"a\": 2}\n");
    test_assert_findings(
            root, "@/vendor/a.json", "@/vendor/a.json:3:8: error: member \"a\" is given twice");
    test_write_text(root, "vendor/a.json", "[]");
    test_assert_findings(root, "@/vendor/a.json", "@/vendor/a.json: error: not an object");
    test_assert_lint(root, "targets", "[]", "a:/targets: error: empty");
    test_assert_lint(
            root, "interface-types", "['uefi', 'a:b']",
            "a:/interface-types/1: error: unknown interface type \"a:b\"");
}

static void a_file_that_is_too_large_is_invalid(void) {
    g_autoptr(TestDir) root = test_lint_new();

    test_write_sparse(root, "vendor/a.json", PARSE_MAX_SIZE + 1);
    test_assert_findings(
            root, "@/vendor", "@/vendor/a.json:1:1: error: the file is larger than 65536 bytes");
}

/* -- files and directories --------------------------------------------------------------- */

static void a_directory_is_all_its_descriptors(void) {
    g_autoptr(TestDir) root = test_lint_new();

    test_describe(root, "vendor/b.json", "features", "['x']", NULL);
    test_describe(root, "vendor/a.json", "features", "['y']", NULL);
    test_describe(root, "vendor/.c.json", "features", "['z']", NULL);
    test_describe(root, "vendor/d.conf", "features", "['z']", NULL);
    test_write_text(root, "vendor/e.json", "");
    test_link(root, "vendor/f.json", "/dev/null");
    g_free(test_mkdir(root, "vendor/g.json"));
    test_link(root, "vendor/h.json", "nowhere");
    test_assert_findings(
            root, "@/vendor",
            "@/vendor/a.json:/features/0: warning: unknown feature \"y\"\n"
            "@/vendor/b.json:/features/0: warning: unknown feature \"x\"\n"
            "@/vendor/h.json: error: a link that leads nowhere: No such file or directory");
    test_assert_findings(root, "@/user", "");
}

static void a_named_file_is_judged_by_its_name(void) {
    g_autoptr(TestDir) root = test_lint_new();

    test_describe(root, "a", "features", "[]", NULL);
    test_assert_findings(
            root, "@/a", "@/a: warning: only a file *.json that is not hidden is a descriptor");
    test_assert_findings(root, "@/none", "@/none: error: No such file or directory");
    test_assert_findings(root, "/dev/zero", "/dev/zero: error: not a regular file");
    test_assert_findings(root, "/dev/null", "");
    test_write_text(root, "empty.json", "");
    test_assert_findings(root, "@/empty.json", "");
}

static void a_name_that_is_no_text_is_escaped(void) {
    g_autoptr(TestDir) root = test_lint_new();

    test_describe(root, "vendor/\xff.json", "features", "[]", NULL);
    test_assert_findings(
            root, "@/vendor", "@/vendor/\\xff.json: error: never read: the file name is not UTF-8");
}

static void one_firmware_twice_in_a_directory(void) {
    g_autoptr(TestDir) root = test_lint_new();

    test_describe(root, "vendor/a.json", "features", "['acpi-s3', 'amd-sev']", NULL);
    test_describe(
            root, "vendor/b.json", "features", "['amd-sev', 'acpi-s3']", "description", "'b'",
            NULL);
    test_describe(root, "vendor/c.json", "features", "['acpi-s3']", NULL);
    test_describe(root, "admin/a.json", "features", "['acpi-s3']", NULL);
    test_assert_findings(
            root, "@/vendor",
            "@/vendor/b.json: warning: a.json says the same and comes first: this one is chosen by "
            "its name alone");
    test_assert_findings(root, "@/admin", "");
}

static void assert_mask(const char *root, const char *file, gboolean is_told) {
    g_autoptr(GPtrArray) layers = test_layers(root);
    g_autoptr(MachineTable) machines = test_shipped_machines();
    g_autoptr(KnownCertificates) known = known_certificates_new();
    const LintFacts facts = {.layers = layers, .machines = machines, .known = known};
    g_autofree char *path = g_build_filename(root, file, NULL);
    const char *paths[] = {path, NULL};
    g_autoptr(GPtrArray) findings = lint_paths(paths, &facts, &(guint){0}, NULL);

    g_assert_cmpuint(findings->len, ==, is_told);
    if (is_told) {
        const LintFinding *finding = findings->pdata[0];

        g_assert_cmpstr(finding->code, ==, "mask");
        g_assert_cmpint(finding->severity, ==, LINT_SEVERITY_WARNING);
        g_assert_nonnull(strstr(finding->text, "no lower layer has a file"));
    }
}

static void a_mask_masks_something(void) {
    g_autoptr(TestDir) root = test_lint_new();

    g_free(test_mkdir(root, "elsewhere"));
    test_describe(root, "admin/a.json", "features", "[]", NULL);
    for (guint i = 0; i < 2; i++) {
        static const char *const masks[] = {
                "vendor/a.json", "user/a.json", "user/b.json", "elsewhere/a.json",
                "elsewhere/c.json"};

        for (gsize j = 0; j < G_N_ELEMENTS(masks); j++) {
            g_autofree char *path = g_build_filename(root, masks[j], NULL);

            (void)g_remove(path);
            if (i == 0)
                test_write_text(root, masks[j], "");
            else
                test_link(root, masks[j], "/dev/null");
        }
        /* the lowest layer has nothing below it */
        assert_mask(root, "vendor/a.json", TRUE);
        assert_mask(root, "user/a.json", FALSE);
        assert_mask(root, "user/b.json", TRUE);
        assert_mask(root, "elsewhere/a.json", FALSE);
        assert_mask(root, "elsewhere/c.json", TRUE);
    }
}

static void paths_are_told_in_their_order(void) {
    g_autoptr(TestDir) root = test_lint_new();
    g_autoptr(MachineTable) machines = test_shipped_machines();
    g_autoptr(KnownCertificates) known = known_certificates_new();
    const LintFacts facts = {.machines = machines, .known = known};
    g_autofree char *directory = g_build_filename(root, "vendor", NULL);
    g_autofree char *file = g_build_filename(root, "admin/z.json", NULL);
    const char *paths[] = {file, directory, file, NULL};
    const char *none[] = {NULL};
    g_autoptr(GPtrArray) findings = NULL;
    g_autoptr(GPtrArray) no_findings = NULL;
    guint n_files = 9;

    test_describe(root, "admin/z.json", "tags", "1", NULL);
    test_describe(root, "vendor/a.json", "tags", "2", NULL);
    findings = lint_paths(paths, &facts, &n_files, NULL);
    g_assert_cmpuint(findings->len, ==, 3);
    g_assert_cmpuint(n_files, ==, 3);
    g_assert_cmpstr(((LintFinding *)findings->pdata[0])->path, ==, file);
    g_assert_cmpstr(((LintFinding *)findings->pdata[0])->code, ==, "schema-error");
    g_assert_true(g_str_has_prefix(((LintFinding *)findings->pdata[1])->path, directory));

    no_findings = lint_paths(none, &facts, &n_files, NULL);
    g_assert_cmpuint(no_findings->len, ==, 0);
    g_assert_cmpuint(n_files, ==, 0);
}

static void findings_have_an_end(void) {
    g_autoptr(TestDir) root = test_lint_new();
    g_autoptr(MachineTable) machines = test_shipped_machines();
    g_autoptr(KnownCertificates) known = known_certificates_new();
    const LintFacts facts = {.machines = machines, .known = known};
    g_autofree char *directory = g_build_filename(root, "vendor", NULL);
    const char *paths[] = {directory, NULL};
    g_autoptr(GString) features = g_string_new("['x'");
    g_autoptr(GPtrArray) findings = NULL;
    const LintFinding *last;

    while (features->len < 50000)
        g_string_append(features, ",'x'");
    g_string_append_c(features, ']');
    test_describe(root, "vendor/a.json", "features", features->str, NULL);
    test_describe(root, "vendor/b.json", "features", features->str, NULL);
    test_write_text(root, "vendor/c.json", "{");
    findings = lint_paths(paths, &facts, &(guint){0}, NULL);
    g_assert_cmpuint(findings->len, ==, LINT_MAX_FINDINGS + 1);
    last = findings->pdata[LINT_MAX_FINDINGS];
    g_assert_cmpstr(last->code, ==, "limit");
    g_assert_cmpint(last->severity, ==, LINT_SEVERITY_ERROR);
}

static void a_directory_with_too_many_files(void) {
    g_autoptr(TestDir) root = test_lint_new();
    g_autofree char *one = g_build_filename(root, "vendor/0.json", NULL);

    for (guint i = 0; i <= CATALOG_MAX_FILES; i++) {
        g_autofree char *name = g_strdup_printf("vendor/%u.json", i);

        test_link(root, name, "/dev/null");
    }
    test_assert_findings(
            root, "@/vendor",
            "@/vendor: error: more than 16384 descriptor files: the service reads none");
    g_assert_no_errno(g_unlink(one));
    test_assert_findings(root, "@/vendor", "");
}

static void a_document_has_the_name_it_is_given(void) {
    g_autoptr(MachineTable) machines = test_shipped_machines();
    const LintFacts facts = {.machines = machines};
    g_autoptr(GBytes) document = g_bytes_new_static("{", 1);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) findings = lint_document(document, "-", &facts, &error);
    const LintFinding *finding;

    g_assert_no_error(error);
    g_assert_cmpuint(findings->len, ==, 1);
    finding = findings->pdata[0];
    g_assert_cmpstr(finding->path, ==, "-");
    g_assert_cmpstr(finding->code, ==, "parse-error");
    g_assert_cmpuint(finding->line, ==, 1);
    g_assert_cmpuint(finding->column, >, 0);
    g_assert_null(finding->pointer);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(a_good_descriptor_has_no_findings),
            TEST_CASE(faults_have_their_place),
            TEST_CASE(a_file_that_is_too_large_is_invalid),
            TEST_CASE(a_directory_is_all_its_descriptors),
            TEST_CASE(a_named_file_is_judged_by_its_name),
            TEST_CASE(a_name_that_is_no_text_is_escaped),
            TEST_CASE(one_firmware_twice_in_a_directory),
            TEST_CASE(a_mask_masks_something),
            TEST_CASE(paths_are_told_in_their_order),
            TEST_CASE(findings_have_an_end),
            TEST_CASE(a_directory_with_too_many_files),
            TEST_CASE(a_document_has_the_name_it_is_given),
    };

    return test_main(argc, argv, "lint", cases, G_N_ELEMENTS(cases));
}
