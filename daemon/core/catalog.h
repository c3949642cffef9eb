/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/catalog-layers.h"
#include "core/machine.h"

/*
 * All descriptor files of all layers, in the priority order of firmware.json, with what was
 * overridden, masked and broken, and why. Immutable once it is built, and shared between threads;
 * building it is the only part that reads files.
 */

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
    GPtrArray *problems; /* of CatalogProblem */
    GStrv architectures; /* that some usable firmware targets; sorted */
    gboolean is_held;    /* some file is being written, and stays as it was: build another later */
    GHashTable *images;  /* what the next build need not look at again: see catalog_images_new() */
    GHashTable *silent;  /* set of paths of other files, which must not be opened */
} Catalog;

typedef struct CatalogSources {
    const GPtrArray *layers; /* of CatalogLayer, least specific first; each an absolute directory */
    MachineTable *machines;
    const Catalog *previous; /* or NULL; what has not changed since is not read again */
    gint64 now;              /* microseconds since the epoch: the age of files is counted to it */
    const FileVisitor *visitor; /* or NULL */
} CatalogSources;

/* A layer that is not there or may not be read is empty. Errors: FIRMWARE_ERROR_LIMITS_EXCEEDED, if
 * there is a previous catalog, else the layer that has too many files is empty; _IO. */
Catalog *catalog_build(const CatalogSources *sources, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Only while the catalog is being made: something that keeps it from being right, and a file of a VM on
 * a file system that does not answer. */
void catalog_add_problem(Catalog *catalog, const char *path, const char *text);
void catalog_add_silent(Catalog *catalog, const char *path);

Catalog *catalog_ref(Catalog *catalog);
void catalog_unref(Catalog *catalog);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Catalog, catalog_unref)

/* NULL where there is none of this name. */
const CatalogFile *catalog_find(const Catalog *catalog, const char *name);
/* Of a file of FIRMWARE. */
guint catalog_get_rank(const Catalog *catalog, const CatalogFile *file);
