/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * Faults of a descriptor, and their positions.
 *
 * Error: the service never answers with this firmware, makes no VM of it, no guest boots with it,
 * or a guest gets another Secure Boot than it says. Warning: the service answers with it, but this
 * is probably not intended.
 */

/* Limit of one call; a last finding reports that it was reached. */
#define LINT_MAX_FINDINGS 10000

typedef enum LintSeverity {
    LINT_SEVERITY_WARNING,
    LINT_SEVERITY_ERROR,
} LintSeverity;
const char *lint_severity_to_string(LintSeverity severity); /* "warning", "error" */

typedef struct LintFinding {
    LintSeverity severity;
    /* A stable keyword. If the service has a reason for it, that reason's code: parse-error,
     * schema-error, file-missing, file-unreadable, bad-format, bad-size, bad-pair,
     * confidential-flash, geometry-unknown, geometry-mismatch, machine. Otherwise file, file-name,
     * unknown-word, unknown-member, missing, mode, pair, secure-boot, enrolled-keys, certificates,
     * claim, mask, duplicate, limit. Static. */
    const char *code;
    char *path;    /* of the file or directory at fault, as the caller named it; escaped where it is
                    * no plain text */
    guint line;    /* from 1; 0: no line and column */
    guint column;  /* from 1, in characters; 0 if LINE is */
    char *pointer; /* JSON pointer to the member at fault; NULL where there is a line, or where the
                    * fault is the whole file's */
    char *text;    /* one line without the position; printable */
} LintFinding;

void lint_finding_free(LintFinding *finding);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LintFinding, lint_finding_free)

/* "PATH:LINE:COLUMN: error: TEXT", "PATH:/json/pointer: warning: TEXT", or "PATH: error: TEXT". */
char *lint_finding_to_string(const LintFinding *finding) G_GNUC_WARN_UNUSED_RESULT;

/* TRUE: some finding is an error, as the exit status reports. */
gboolean lint_has_errors(const GPtrArray *findings);

/* Returns an array of LintFinding, which it owns. */
GPtrArray *lint_findings_new(void) G_GNUC_WARN_UNUSED_RESULT;

/* Adds a finding. CODE is static, POINTER may be NULL. The text is made printable. */
G_GNUC_PRINTF(6, 7)
void lint_add(
        GPtrArray *findings, LintSeverity severity, const char *code, const char *path,
        const char *pointer, const char *format, ...);

/* The same for a reason of parse.h. */
void lint_add_parse_error(GPtrArray *findings, const char *path, const char *reason);
