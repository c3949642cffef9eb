/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/catalog-file.h"

/*
 * The files of all layers, in priority order: read anew as far as they have changed since the previous
 * time, and shared with it otherwise. A part of making a catalog.
 */

/* All layers together; more is refused rather than answered slowly. */
#define CATALOG_MAX_FILES 16384

typedef struct CatalogListing {
    const CatalogReading *reading;
    const GPtrArray *layers;   /* of CatalogLayer, least specific first */
    const GPtrArray *previous; /* the files as they were, or NULL */
    GPtrArray *unnamed; /* of char*: the paths are added of files whose names are not UTF-8 */
    /* of char*: the directory is added of a layer with which there are too many files, and none of its
     * files is read; NULL: that is an error */
    GPtrArray *too_large;
} CatalogListing;

/* Of CatalogFile, owned: by file name, of one name the most specific layer's first. A layer that is not
 * there or may not be read is empty. Errors: FIRMWARE_ERROR_LIMITS_EXCEEDED, _IO. */
GPtrArray *catalog_list_files(const CatalogListing *listing, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* Where files of this name begin in FILES, or would. */
guint catalog_find_place(const GPtrArray *files, const char *file_name);
