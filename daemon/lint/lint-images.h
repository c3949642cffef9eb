/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "lint/lint-members.h"
#include "core/machine.h"

/* Checks the images of the descriptor PATH, on the machines of its targets. KNOWN_IMAGES: see
 * catalog_images_new(). Error: FIRMWARE_ERROR_IO. */
gboolean lint_images(
        GPtrArray *findings, const MachineTable *machines, GHashTable *known_images,
        const char *path, const Descriptor *descriptor, LintSpelling spelling, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
