/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "descriptor.h"
#include "lint.h"

/* What the parts of lint share. */

typedef struct Lint {
    GPtrArray *findings; /* of LintFinding */
    const MachineTable *machines;
    GHashTable *images; /* see catalog_images_new() */
    GHashTable
            *firmware; /* what a firmware is -> path of the first file that says so; both char* */
    guint n_files;
} Lint;

/* Adds a finding; CODE is static, POINTER may be NULL. What is of foreign origin in the text need
 * not be valid. */
G_GNUC_PRINTF(6, 7)
void lint_add(
        Lint *lint, LintSeverity severity, const char *code, const char *path, const char *pointer,
        const char *format, ...);

/* How the mapping names its images: "filename" itself, and "uefi-vars"; else in the objects
 * "executable" and "nvram-template". */
typedef enum LintSpelling {
    LINT_SPELLING_PLAIN,
    LINT_SPELLING_EXTENDED
} LintSpelling;

/* lint-members.c: members and words that the schema does not have, or that say nothing there. */
LintSpelling lint_members(Lint *lint, const char *path, const Descriptor *descriptor);

/* lint-images.c: the images, on the machines of the targets. Error: FIRMWARE_ERROR_IO. */
gboolean lint_images(
        Lint *lint, const char *path, const Descriptor *descriptor, LintSpelling spelling,
        GError **error) G_GNUC_WARN_UNUSED_RESULT;
