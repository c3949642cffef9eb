/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "lint/lint-finding.h"
#include "core/machine.h"

/*
 * Descriptor files, checked offline: for those who write and package them. What the service would
 * say of a file comes from the service's own modules; the rest is what it takes without a word and
 * is wrong all the same.
 */

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
