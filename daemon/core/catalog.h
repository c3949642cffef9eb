/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/candidates.h"
#include "core/catalog-layers.h"
#include "core/catalog-store.h"
#include "core/machine.h"
#include "uefi/host-keys.h"

/*
 * All descriptor files of all layers, in the priority order of firmware.json, also the overridden,
 * masked and broken ones. Immutable once it is built, and shared between threads. Only the build
 * reads files.
 */

/* A path, escaped if it is not UTF-8, and the fault there. */
typedef struct CatalogProblem {
    char *path;
    char *text;
    gboolean is_expired; /* a template that is used, and whose certificates have expired */
} CatalogProblem;

typedef struct Catalog {
    MachineTable *machines;
    KnownCertificates *known; /* certificates */
    HostKeys *host_keys;
    GPtrArray *files;    /* of CatalogFile: every file, in priority order; of one name the effective
                          * one first, then less and less specific layers */
    GPtrArray *firmware; /* the effective ones of FILES that are no mask; index is the rank */
    Candidates *candidates; /* FIRMWARE by machine; NULL while the catalog is built */
    GPtrArray *problems;    /* of CatalogProblem */
    GStrv architectures;    /* that some usable firmware targets; sorted */
    gboolean is_held;       /* the change of a half-written file is deferred: build again later */
    GHashTable *images;     /* for the next build: see catalog_images_new() */
    GHashTable *stores;     /* for the next build: see catalog_stores_new() */
    GHashTable *silent;     /* set of paths: VMs' files that must not be opened */
} Catalog;

typedef struct CatalogSources {
    const GPtrArray *layers; /* of CatalogLayer, least specific first; each an absolute directory */
    MachineTable *machines;
    KnownCertificates *known;   /* certificates; NULL: none */
    HostKeys *host_keys;        /* NULL: none */
    const Catalog *previous;    /* or NULL; unchanged files are shared with it */
    gint64 now;                 /* microseconds since the epoch, for the age of files */
    const FileVisitor *visitor; /* or NULL */
    /* leave out firmware that is not for this architecture, and look at none of its images; NULL:
     * leave out none */
    const char *architecture;
    /* end with the first firmware for which this returns TRUE; NULL: go on to the last. CATALOG is
     * being built, with its tables and the firmware up to FILE. */
    gboolean (*is_enough)(
            const struct Catalog *catalog, const CatalogFile *file, gpointer userdata);
    gpointer userdata;
} CatalogSources;

/* A layer that is missing or unreadable is empty. Errors: FIRMWARE_ERROR_IO; with a previous
 * catalog also _LIMITS_EXCEEDED, while without one a layer that exceeds CATALOG_MAX_FILES is
 * skipped. */
Catalog *catalog_build(const CatalogSources *sources, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* For the builder of the catalog: adds a problem, those of a table (of ConfProblem), and a VM's
 * file on a file system that does not answer. */
void catalog_add_problem(Catalog *catalog, const char *path, const char *text);
void catalog_add_conf_problems(Catalog *catalog, const GPtrArray *problems);
void catalog_add_silent(Catalog *catalog, const char *path);

Catalog *catalog_ref(Catalog *catalog);
void catalog_unref(Catalog *catalog);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Catalog, catalog_unref)

/* NULL if there is none of this name. */
const CatalogFile *catalog_find(const Catalog *catalog, const char *name);
/* Of a file of FIRMWARE. */
guint catalog_get_rank(const Catalog *catalog, const CatalogFile *file);
