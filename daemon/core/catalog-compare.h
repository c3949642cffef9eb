/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/catalog.h"

/* The differences between two catalogs. */

/* Of two files of one name. The rank is no field: one new file changes that of all after it. */
typedef enum CatalogField {
    CATALOG_FIELD_PATH = 1 << 0,
    CATALOG_FIELD_LAYER = 1 << 1,
    CATALOG_FIELD_STATE = 1 << 2,
    CATALOG_FIELD_REASONS = 1 << 3,
    CATALOG_FIELD_DESCRIPTION = 1 << 4,
    CATALOG_FIELD_INTERFACE_TYPES = 1 << 5,
    CATALOG_FIELD_DEVICE = 1 << 6,
    CATALOG_FIELD_MODE = 1 << 7,
    CATALOG_FIELD_EXECUTABLE = 1 << 8,
    CATALOG_FIELD_NVRAM_TEMPLATE = 1 << 9,
    CATALOG_FIELD_TARGETS = 1 << 10,
    CATALOG_FIELD_FEATURES = 1 << 11,
    CATALOG_FIELD_TAGS = 1 << 12,
    CATALOG_FIELD_OVERRIDES = 1 << 13,
    CATALOG_FIELD_SECURE_BOOT = 1 << 14,
    CATALOG_FIELD_CERTIFICATES = 1 << 15,
    CATALOG_FIELD_HEALTH = 1 << 16,
} CatalogField;

typedef struct CatalogChange {
    GPtrArray *added;   /* of CatalogFile of the new catalog */
    GPtrArray *removed; /* of CatalogFile of the old one */
    GPtrArray *changed; /* of CatalogFile of the new one */
    GArray *fields;     /* of guint, one for each of CHANGED: CatalogField, or-ed */
    gboolean problems_differ;
    gboolean architectures_differ;
} CatalogChange;

/* Returns NULL if BEFORE and AFTER give the same answer to each question. BEFORE may be NULL: each
 * file is added. The result borrows from both. */
CatalogChange *catalog_compare(const Catalog *before, const Catalog *after)
        G_GNUC_WARN_UNUSED_RESULT;
void catalog_change_free(CatalogChange *change);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CatalogChange, catalog_change_free)
