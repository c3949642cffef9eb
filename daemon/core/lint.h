/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "machine.h"

/*
 * Descriptor files, checked offline: for those who write and package them. What the service would
 * say of a file comes from the service's own modules; the rest is what it takes without a word and
 * is wrong all the same.
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

/* Of LintFinding, in the order of PATHS (NULL-terminated; relative ones as well), and in a
 * directory in that of file names. A directory stands for all descriptors in it, as one layer: what
 * is none there (hidden, another suffix, masked) is passed over. A path that cannot be read is a
 * finding.
 * *RET_N_FILES (may be NULL): the descriptor files that could be read.
 * Error: FIRMWARE_ERROR_IO where the system fails. */
GPtrArray *lint_paths(
        const char *const *paths, const MachineTable *machines, guint *ret_n_files, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* The same for the bytes of one descriptor that is called PATH. */
GPtrArray *lint_document(
        GBytes *document, const char *path, const MachineTable *machines, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* Some finding is an error: what an exit status tells. */
gboolean lint_has_errors(const GPtrArray *findings);
