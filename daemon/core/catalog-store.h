/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/descriptor.h"
#include "core/image.h"
#include "uefi/host-keys.h"
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
    const HostKeys *host_keys;   /* or NULL */
    GHashTable *stores;          /* see catalog_stores_new() */
    GHashTable *previous_stores; /* or NULL; not those of other known certificates or host keys */
} CatalogStoreReading;

/* Reads the variables that DESCRIPTOR's images begin a VM with: of the template, or of a combined
 * image; and the same with the keys of this host. Sets *RET and *RET_WITH_KEYS to NULL if there are
 * none, or if their file cannot be read. Error: FIRMWARE_ERROR_IO, naming the image, if the system
 * failed. */
gboolean catalog_store_read(
        const CatalogStoreReading *reading, const Descriptor *descriptor,
        const FirmwareImages *images, StoreSummary **ret, StoreSummary **ret_with_keys,
        GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Returns the summary of IMAGE's store, or of the same with the keys of this host, if STORES proves
 * that it is that of the file with the status ST; else NULL. STORES owns it. */
StoreSummary *catalog_store_find(
        GHashTable *stores, const DescriptorImage *image, const struct stat *st,
        gboolean with_keys);
