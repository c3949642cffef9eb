/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "util-lint.h"

#include <string.h>

TestDir *test_lint_new(void) {
    TestDir *root = test_layers_new();

    test_write_sparse(root, "code.fd", 3653632);
    test_write_sparse(root, "vars.fd", 540672);
    return root;
}

void test_assert_findings(const char *root, const char *path, const char *expected) {
    g_autoptr(MachineTable) machines = test_shipped_machines();
    g_autoptr(KnownCertificates) known = known_certificates_new();
    const LintFacts facts = {.machines = machines, .known = known};
    g_autofree char *full_path = test_below(root, path);
    g_autofree char *full_expected = test_below(root, expected);
    const char *paths[] = {full_path, NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) findings = lint_paths(paths, &facts, &(guint){0}, &error);
    g_autoptr(GString) told = g_string_new(NULL);

    g_assert_no_error(error);
    for (guint i = 0; i < findings->len; i++) {
        g_autofree char *line = lint_finding_to_string(findings->pdata[i]);

        g_string_append_printf(told, "%s%s", i > 0 ? "\n" : "", line);
    }
    g_assert_cmpstr(told->str, ==, full_expected);
    g_assert_true(lint_has_errors(findings) == (strstr(told->str, ": error: ") != NULL));
}

void test_assert_lint(
        const char *root, const char *member, const char *value, const char *expected) {
    g_autoptr(GString) full = g_string_new(expected);

    if (g_strcmp0(member, "features") == 0)
        test_describe(root, "vendor/a.json", member, value, NULL);
    else
        test_describe(root, "vendor/a.json", "features", "[]", member, value, NULL);
    g_string_replace(full, "a:/", "@/vendor/a.json:/", 0);
    test_assert_findings(root, "@/vendor/a.json", full->str);
}
