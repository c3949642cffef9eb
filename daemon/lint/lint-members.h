/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/descriptor.h"
#include "lint/lint-finding.h"

/* How the mapping names its images: plain ("filename", "uefi-vars"), or in the objects "executable"
 * and "nvram-template". */
typedef enum LintSpelling {
    LINT_SPELLING_PLAIN,
    LINT_SPELLING_EXTENDED
} LintSpelling;

/* Reports members and keywords of the descriptor PATH that the schema does not define, or that have
 * no effect. Returns the form of the mapping. */
LintSpelling lint_members(GPtrArray *findings, const char *path, const Descriptor *descriptor);
