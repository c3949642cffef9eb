/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A descriptor's bytes: each finding has one place and can go out on a terminal; the geometry that
 * is recorded is that of a descriptor. */

#include "fuzz.h"
#include "lint/lint.h"
#include "core/parse.h"
#include "lint/record.h"
#include "base/text.h"

static void check_finding(const LintFinding *finding) {
    g_autofree char *line = lint_finding_to_string(finding);

    g_assert_nonnull(finding->code);
    g_assert_cmpstr(finding->path, ==, "a.json");
    g_assert_true((finding->line > 0) == (finding->column > 0));
    g_assert_true(finding->line == 0 || !finding->pointer);
    g_assert_true(!finding->pointer || finding->pointer[0] == '/');
    g_assert_true(text_is_valid(line));
    for (const char *p = line; *p; p++)
        g_assert_false(g_ascii_iscntrl(*p));
}

static MachineTable *load_machines(void) {
    static const char *const directories[] = {SHIPPED_MACHINES, NULL};

    return machine_table_load(directories, NULL, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static MachineTable *machines = NULL;
    static LintFacts facts;
    g_autoptr(GBytes) document = g_bytes_new(data, size);
    g_autoptr(Descriptor) descriptor = parse_descriptor(document, NULL);
    g_autoptr(GPtrArray) findings = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *recorded = NULL;

    if (!machines) {
        machines = load_machines();
        facts = (LintFacts){.machines = machines, .known = known_certificates_new()};
    }
    findings = lint_document(document, "a.json", &facts, NULL);
    g_assert_nonnull(findings);
    g_assert_cmpuint(findings->len, <=, LINT_MAX_FINDINGS + 1);
    g_assert_true(descriptor || lint_has_errors(findings));
    for (guint i = 0; i < findings->len; i++)
        check_finding(findings->pdata[i]);

    recorded = record_geometry(document, machines, &error);
    g_assert_true((recorded == NULL) == (error != NULL));
    g_assert_true(!recorded || descriptor);
    g_assert_true(!error || text_is_valid(error->message));
    return 0;
}
