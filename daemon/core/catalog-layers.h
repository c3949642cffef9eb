/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "catalog.h"

/*
 * The files of all layers, in priority order: read anew as far as they have changed since the previous
 * catalog, and shared with it otherwise. A part of making a catalog.
 */

/* Of CatalogFile, owned: by file name, of one name the most specific layer's first. Tells CATALOG of
 * names that cannot be told. */
GPtrArray *catalog_read_layers(
        const CatalogSources *sources, const CatalogReading *reading, Catalog *catalog,
        GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Where files of this name begin in FILES, or would. */
guint catalog_find_place(const GPtrArray *files, const char *file_name);
