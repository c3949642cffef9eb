/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/catalog-file.h"

/*
 * The files of all layers, in priority order. Unchanged files are shared with the previous catalog.
 * A part of a catalog's build.
 */

/* Of all layers together. */
#define CATALOG_MAX_FILES 16384

typedef struct CatalogListing {
    const CatalogReading *reading;
    const GPtrArray *layers;   /* of CatalogLayer, least specific first */
    const GPtrArray *previous; /* the files of the previous catalog, or NULL */
    GPtrArray *unnamed;        /* of char*: gets the paths of files whose names are not UTF-8 */
    /* of char*: gets the directory of each layer that is skipped because it exceeds
     * CATALOG_MAX_FILES; NULL: that is an error */
    GPtrArray *too_large;
} CatalogListing;

/* Returns CatalogFiles, owned, sorted by file name; of one name the most specific layer's first. A
 * layer that is missing or unreadable is empty. Errors: FIRMWARE_ERROR_LIMITS_EXCEEDED, _IO. */
GPtrArray *catalog_list_files(const CatalogListing *listing, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* The index of the first file of this name in FILES, or where one would be inserted. */
guint catalog_find_place(const GPtrArray *files, const char *file_name);
