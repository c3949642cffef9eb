/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * What is wrong with a descriptor, and where.
 *
 * An error: the service never answers with this firmware, or no guest boots with it. A missing
 * image is one. A warning: the service answers with it, and it is probably not what was meant.
 */

/* Findings of one call; after so many there is a last one that says so. */
#define LINT_MAX_FINDINGS 10000

typedef enum LintSeverity {
    LINT_SEVERITY_WARNING,
    LINT_SEVERITY_ERROR,
} LintSeverity;
const char *lint_severity_to_string(LintSeverity severity); /* "warning", "error" */

typedef struct LintFinding {
    LintSeverity severity;
    /* A word that stays: where the service has a reason for it, that reason's code (parse-error,
     * schema-error, file-missing, file-unreadable, bad-format, bad-size, geometry-unknown,
     * geometry-mismatch, machine); else file, file-name, unknown-word, unknown-member, mode, pair,
     * swapped, secure-boot, duplicate, limit. Static. */
    const char *code;
    char *path;    /* of the file or directory at fault, as the caller named it; escaped where it is
                    * no plain text */
    guint line;    /* from 1, or 0 where the place is not a line and column */
    guint column;  /* from 1, in characters; 0 where line is */
    char *pointer; /* JSON pointer to the member at fault; NULL where there is a line, or where the
                    * fault is the whole file's */
    char *text;    /* one line, that does not repeat the place; plain text */
} LintFinding;

void lint_finding_free(LintFinding *finding);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LintFinding, lint_finding_free)

/* "PATH:LINE:COLUMN: error: TEXT", "PATH:/json/pointer: warning: TEXT", or "PATH: error: TEXT". */
char *lint_finding_to_string(const LintFinding *finding) G_GNUC_WARN_UNUSED_RESULT;

/* Some finding is an error: what an exit status tells. */
gboolean lint_has_errors(const GPtrArray *findings);

/* Of LintFinding, owned. */
GPtrArray *lint_findings_new(void) G_GNUC_WARN_UNUSED_RESULT;

/* Adds a finding; CODE is static, POINTER may be NULL. What is of foreign origin in the text need
 * not be valid. */
G_GNUC_PRINTF(6, 7)
void lint_add(
        GPtrArray *findings, LintSeverity severity, const char *code, const char *path,
        const char *pointer, const char *format, ...);

/* The same of a reason of parse.h: "parse-error:LINE:COL: text" or "schema-error:/pointer: text". */
void lint_add_parse_error(GPtrArray *findings, const char *path, const char *reason);
