/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "core/catalog-compare.h"
#include "service/config.h"

/*
 * The catalog in force. A build makes the next catalog on a worker thread. If the build succeeds,
 * the new catalog replaces the old one, and the observer is called; if it fails, the old one stays.
 * A build begins on each reload, and when files of the last build have changed. Knows nothing of
 * D-Bus.
 */

/* Abandoned builds whose threads wait for a file system that does not answer. */
#define LIVE_CATALOG_MAX_STALLS 16

/* The differences from the state before. */
typedef struct Publication {
    const CatalogChange *change; /* NULL: each answer is the same */
    gboolean host_features_differ;
    gboolean search_path_differs;
} Publication;

/* All calls of one publication happen in one turn of the event loop. */
typedef struct LiveCatalogObserver {
    /* before the swap; not called for the first catalog */
    void (*about_to_publish)(const CatalogChange *change, gpointer userdata);
    /* after the swap, if anything differs */
    void (*published)(const Publication *publication, gpointer userdata);
    gpointer userdata;
} LiveCatalogObserver;

/* A user of other files, such as the images of pins. */
typedef struct LiveCatalogDependent {
    /* adds the paths (char*) of these files to PATHS */
    void (*list_files)(GPtrArray *paths, gpointer userdata);
    /* after each build. DIFFERS: the catalog, the features of the host or one of these files does
     * */
    void (*rebuilt)(gboolean differs, gpointer userdata);
    gpointer userdata;
} LiveCatalogDependent;

typedef struct LiveCatalog LiveCatalog;

/* Borrows OPTIONS, and takes CONFIG, which was made of them. There is no catalog before the first
 * reload is done, which reads the configuration: its error can be a G_OPTION_ERROR. Returns 0 or a
 * negative errno. */
int live_catalog_new(
        sd_event *event, const ConfigOptions *options, Config *config, LiveCatalog **ret)
        G_GNUC_WARN_UNUSED_RESULT;
void live_catalog_free(LiveCatalog *live);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LiveCatalog, live_catalog_free)

void live_catalog_set_observer(LiveCatalog *live, const LiveCatalogObserver *observer);
/* NULL removes it. */
void live_catalog_set_dependent(LiveCatalog *live, const LiveCatalogDependent *dependent);

/* Begins a build that reads the configuration as well. DONE is called on the event loop after this
 * function has returned: with ERROR NULL when a catalog that was begun after this call is in force,
 * otherwise with the reason why there is none. Half-written files defer it for 0.5 s at most.
 * Returns 0, or a negative errno if no build can begin; DONE is not called then. */
typedef void (*LiveCatalogReloadDone)(const GError *error, gpointer userdata);
int live_catalog_reload(LiveCatalog *live, LiveCatalogReloadDone done, gpointer userdata);

/* Begins a build as a change of a file does: for a caller that has found a fault by other means. */
void live_catalog_look(LiveCatalog *live);

/* TRUE: a build has been abandoned, because its thread waits for a file system. */
gboolean live_catalog_is_stalled(const LiveCatalog *live);

/* Borrowed, and valid until control returns to the event loop. */
const Config *live_catalog_get_config(const LiveCatalog *live);
const Catalog *live_catalog_get_catalog(const LiveCatalog *live);
const char *const *live_catalog_get_host_features(const LiveCatalog *live);
/* 1 for the first catalog. */
guint64 live_catalog_get_generation(const LiveCatalog *live);
