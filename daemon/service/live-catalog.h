/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "core/catalog-compare.h"
#include "service/config.h"

/*
 * The service's only mutable state: which catalog is in force. A build makes a new one beside the
 * event loop; it is swapped in when it is whole, and the observer is told; a build that fails leaves
 * the old one. One begins whenever something is asked for it, or the files that the last one looked at
 * have changed. Knows nothing of D-Bus.
 */

/* Builds that are left behind because a file system does not answer. */
#define LIVE_CATALOG_MAX_STALLS 16

/* What is another now. */
typedef struct Publication {
    const CatalogChange *change; /* NULL: no answer */
    gboolean host_features_differ;
    gboolean search_path_differs;
} Publication;

/* All calls of one publication happen in one turn of the event loop. */
typedef struct LiveCatalogObserver {
    /* the old catalog is still in force; not called for the first one */
    void (*about_to_publish)(const CatalogChange *change, gpointer userdata);
    /* the new one is; called where anything differs */
    void (*published)(const Publication *publication, gpointer userdata);
    gpointer userdata;
} LiveCatalogObserver;

/* A user of files that are not part of the catalog, such as the images of pins. */
typedef struct LiveCatalogDependent {
    /* adds the paths (char*) of these files to PATHS */
    void (*list_files)(GPtrArray *paths, gpointer userdata);
    /* after each build. DIFFERS: the catalog, the features of the host or one of these files does */
    void (*rebuilt)(gboolean differs, gpointer userdata);
    gpointer userdata;
} LiveCatalogDependent;

typedef struct LiveCatalog LiveCatalog;

/* OPTIONS are borrowed; CONFIG, of these options, is taken. There is no catalog before the first
 * reload is done. Returns 0 or a negative errno. */
int live_catalog_new(
        sd_event *event, const ConfigOptions *options, Config *config, LiveCatalog **ret)
        G_GNUC_WARN_UNUSED_RESULT;
void live_catalog_free(LiveCatalog *live);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LiveCatalog, live_catalog_free)

void live_catalog_set_observer(LiveCatalog *live, const LiveCatalogObserver *observer);
/* NULL: there is none any more. */
void live_catalog_set_dependent(LiveCatalog *live, const LiveCatalogDependent *dependent);

/* Reads the configuration, too. DONE is called on the event loop, never before this returns, when a
 * catalog that was begun after this call is in force (ERROR NULL), or could not be built. It waits
 * for files that are being written, as long as a burst of changes may last. A negative errno: the
 * system cannot begin, and DONE is not called. */
typedef void (*LiveCatalogReloadDone)(const GError *error, gpointer userdata);
int live_catalog_reload(LiveCatalog *live, LiveCatalogReloadDone done, gpointer userdata);

/* Begins a build as a change of a file would: somebody else has found that something is amiss. */
void live_catalog_look(LiveCatalog *live);

/* All borrowed, and good until control returns to the event loop. */
const Config *live_catalog_get_config(const LiveCatalog *live);
const Catalog *live_catalog_get_catalog(const LiveCatalog *live);
const char *const *live_catalog_get_host_features(const LiveCatalog *live);
/* 1 for the first catalog. */
guint64 live_catalog_get_generation(const LiveCatalog *live);
