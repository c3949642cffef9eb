/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "lint/lint-finding.h"
#include "lint/lint-images.h"

/*
 * Checks descriptor files offline, for those who write and package them. The service's own modules
 * report its faults; the rest are faults that the service accepts.
 */

/* Returns an array of LintFinding in the order of PATHS (NULL-terminated, may be relative), and of
 * file names in a directory. A directory stands for all its descriptors, as one layer; other files
 * (hidden, another suffix, masked) are skipped. A path that cannot be read is a finding.
 * *RET_N_FILES: the number of descriptor files that were read.
 * Error: FIRMWARE_ERROR_IO if the system failed. */
GPtrArray *lint_paths(
        const char *const *paths, const LintFacts *facts, guint *ret_n_files, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* The same for the content of one descriptor PATH. */
GPtrArray *lint_document(GBytes *document, const char *path, const LintFacts *facts, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
