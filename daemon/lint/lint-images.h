/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "lint/lint-members.h"
#include "core/machine.h"
#include "uefi/known-certificates.h"

/* The facts that descriptors are checked against. */
typedef struct LintFacts {
    /* Of CatalogLayer, lowest first: what the service would read. A mask that masks nothing in them
     * is a finding. NULL: unknown. */
    const GPtrArray *layers;
    const MachineTable *machines;
    KnownCertificates *known;
    gint64 now; /* seconds since the epoch */
} LintFacts;

/* Checks the images of the descriptor PATH, on the machines of its targets. KNOWN_IMAGES: see
 * catalog_images_new(). Error: FIRMWARE_ERROR_IO. */
gboolean lint_images(
        GPtrArray *findings, const LintFacts *facts, GHashTable *known_images, const char *path,
        const Descriptor *descriptor, LintSpelling spelling, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
