/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "catalog-file.h"
#include "machine.h"

/*
 * All descriptor files of all layers, in the priority order of firmware.json, with what was
 * overridden, masked and broken, and why. Immutable once it is built, and shared between threads;
 * building it is the only part that reads files.
 */

/* All layers together; more is refused rather than answered slowly. */
#define CATALOG_MAX_FILES 16384

/* A path, escaped where it is not UTF-8, and what is wrong there. */
typedef struct CatalogProblem {
    char *path;
    char *text;
} CatalogProblem;

typedef struct Catalog {
    MachineTable *machines;
    GPtrArray *files;    /* of CatalogFile: every file, in priority order; of one name the effective
                           * one first, then less and less specific layers */
    GPtrArray *firmware; /* the effective ones of FILES that are no mask; index is the rank */
    GHashTable *by_name; /* firmware name -> CatalogFile of FIRMWARE */
    GPtrArray *problems; /* of CatalogProblem */
    GStrv architectures; /* that some usable firmware targets; sorted */
} Catalog;

/* LAYERS: of CatalogLayer, least specific first; each needs an absolute directory. A layer that is
 * not there or may not be read is empty. Errors: FIRMWARE_ERROR_LIMITS_EXCEEDED, _IO. */
Catalog *catalog_build(const GPtrArray *layers, MachineTable *machines, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
Catalog *catalog_ref(Catalog *catalog);
void catalog_unref(Catalog *catalog);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Catalog, catalog_unref)

/* NULL where there is none of this name. */
const CatalogFile *catalog_find(const Catalog *catalog, const char *name);
