/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "catalog-compare.h"
#include "config.h"

/*
 * The service's only mutable state: which catalog is in force. A build makes a new one beside the
 * event loop; it is swapped in when it is whole, and the observer is told; a build that fails leaves
 * the old one. One begins whenever something is asked for it, or the files that the last one looked at
 * have changed. Knows nothing of D-Bus.
 */

/* What is another now. */
typedef struct Publication {
    const CatalogChange *change; /* NULL: no answer */
    gboolean host_features_differ;
    gboolean search_path_differs;
} Publication;

/* All calls of one publication happen in one turn of the event loop. */
typedef struct ManagerObserver {
    /* the old catalog is still in force; not called for the first one */
    void (*about_to_publish)(const CatalogChange *change, gpointer userdata);
    /* the new one is; called where anything differs */
    void (*published)(const Publication *publication, gpointer userdata);
    /* after every build: files that no answer is made of may have changed, too */
    void (*rebuilt)(gpointer userdata);
    gpointer userdata;
} ManagerObserver;

/* Files that matter beside those of the catalog: adds their paths (char*) to PATHS. */
typedef void (*ManagerListFiles)(GPtrArray *paths, gpointer userdata);

typedef struct Manager Manager;

/* OPTIONS are borrowed; CONFIG, of these options, is taken. There is no catalog before the first
 * reload is done. Returns 0 or a negative errno. */
int manager_new(sd_event *event, const ConfigOptions *options, Config *config, Manager **ret)
        G_GNUC_WARN_UNUSED_RESULT;
void manager_free(Manager *manager);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Manager, manager_free)

void manager_set_observer(Manager *manager, const ManagerObserver *observer);
void manager_set_list_files(Manager *manager, ManagerListFiles list_files, gpointer userdata);

/* Reads the configuration, too. DONE is called on the event loop, never before this returns, when a
 * catalog that was begun after this call is in force (ERROR NULL), or could not be built. It waits
 * for files that are being written, as long as a burst of changes may last. A negative errno: the
 * system cannot begin, and DONE is not called. */
typedef void (*ManagerReloadDone)(const GError *error, gpointer userdata);
int manager_reload(Manager *manager, ManagerReloadDone done, gpointer userdata);

/* All borrowed, and good until control returns to the event loop. */
const Config *manager_get_config(const Manager *manager);
const Catalog *manager_get_catalog(const Manager *manager);
const char *const *manager_get_host_features(const Manager *manager);
/* 1 for the first catalog. */
guint64 manager_get_generation(const Manager *manager);
