/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lint/lint-finding.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

const char *lint_severity_to_string(LintSeverity severity) {
    return severity == LINT_SEVERITY_ERROR ? "error" : "warning";
}

void lint_finding_free(LintFinding *finding) {
    if (!finding)
        return;

    g_free(finding->path);
    g_free(finding->pointer);
    g_free(finding->text);
    g_free(finding);
}

char *lint_finding_to_string(const LintFinding *finding) {
    g_autofree char *place = finding->line > 0
            ? g_strdup_printf("%u:%u", finding->line, finding->column)
            : g_strdup(finding->pointer);

    return g_strdup_printf(
            "%s%s%s: %s: %s", finding->path, place ? ":" : "", place ? place : "",
            lint_severity_to_string(finding->severity), finding->text);
}

gboolean lint_has_errors(const GPtrArray *findings) {
    for (guint i = 0; i < findings->len; i++) {
        const LintFinding *finding = findings->pdata[i];

        if (finding->severity == LINT_SEVERITY_ERROR)
            return TRUE;
    }
    return FALSE;
}

GPtrArray *lint_findings_new(void) {
    return g_ptr_array_new_with_free_func((GDestroyNotify)lint_finding_free);
}

static LintFinding *add_finding(
        GPtrArray *findings, LintSeverity severity, const char *code, const char *path,
        const char *text) {
    LintFinding *finding = g_new0(LintFinding, 1);

    finding->severity = severity;
    finding->code = code;
    finding->path = text_make_printable(path);
    finding->text = text_make_printable(text);
    g_ptr_array_add(findings, finding);
    return finding;
}

/* FALSE: the limit is reached. The finding that reports this is an error: errors may have been
 * dropped. */
static gboolean has_room(GPtrArray *findings, const char *path) {
    if (findings->len < LINT_MAX_FINDINGS)
        return TRUE;
    if (findings->len == LINT_MAX_FINDINGS)
        (void)add_finding(
                findings, LINT_SEVERITY_ERROR, "limit", path,
                "too many findings: the rest is not told");
    return FALSE;
}

void lint_add(
        GPtrArray *findings, LintSeverity severity, const char *code, const char *path,
        const char *pointer, const char *format, ...) {
    g_autofree char *text = NULL;
    va_list args;

    if (!has_room(findings, path))
        return;
    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    add_finding(findings, severity, code, path, text)->pointer =
            pointer ? text_make_printable(pointer) : NULL;
}

void lint_add_parse_error(GPtrArray *findings, const char *path, const char *reason) {
    static const char schema_error[] = "schema-error:";
    guint line;
    guint column;
    int prefix = 0;

    if (!has_room(findings, path))
        return;
    if (g_str_has_prefix(reason, schema_error)) {
        const char *pointer = reason + strlen(schema_error);
        const char *end = strstr(pointer, ": ");
        LintFinding *finding =
                add_finding(findings, LINT_SEVERITY_ERROR, "schema-error", path, end + 2);

        finding->pointer = end > pointer ? g_strndup(pointer, end - pointer) : NULL;
    } else if (sscanf(reason, "parse-error:%u:%u: %n", &line, &column, &prefix) == 2 && prefix) {
        LintFinding *finding =
                add_finding(findings, LINT_SEVERITY_ERROR, "parse-error", path, reason + prefix);

        finding->line = line;
        finding->column = column;
    } else {
        g_assert_not_reached();
    }
}
