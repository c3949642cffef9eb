/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/descriptor.h"
#include "core/image.h"
#include "uefi/summary.h"

/*
 * The variable stores in the images of a catalog. Each is read once, and again when its file
 * changes.
 */

/* The stores of a catalog: for the next build. */
GHashTable *catalog_stores_new(void) G_GNUC_WARN_UNUSED_RESULT;

typedef struct CatalogStoreReading {
    gint64 now;                 /* microseconds since the epoch */
    const FileVisitor *visitor; /* or NULL */
    KnownCertificates *known;
    GHashTable *stores;          /* see catalog_stores_new() */
    GHashTable *previous_stores; /* or NULL; not those of another table of known certificates */
} CatalogStoreReading;

/* Reads the variables that DESCRIPTOR's images begin a VM with: of the template, or of a combined
 * image. Sets *RET to NULL if there are none, or if their file cannot be read. Returns 0, or a
 * negative errno if the system failed. */
int catalog_store_read(
        const CatalogStoreReading *reading, const Descriptor *descriptor,
        const FirmwareImages *images, StoreSummary **ret) G_GNUC_WARN_UNUSED_RESULT;
