/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/descriptor.h"
#include "lint/lint-finding.h"

/* How the mapping names its images: "filename" itself, and "uefi-vars"; else in the objects
 * "executable" and "nvram-template". */
typedef enum LintSpelling {
    LINT_SPELLING_PLAIN,
    LINT_SPELLING_EXTENDED
} LintSpelling;

/* Members and words of the descriptor PATH that the schema does not have, or that say nothing there. */
LintSpelling lint_members(GPtrArray *findings, const char *path, const Descriptor *descriptor);
