/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "catalog-compare.h"

/*
 * The service's only mutable state: which catalog is in force. A reload builds a new one beside
 * the event loop, swaps it in when it is whole, and tells the observer; a reload that fails leaves
 * the old one. Knows nothing of D-Bus.
 */

typedef struct ManagerConfig {
    GPtrArray *layers;         /* of CatalogLayer, least specific first */
    GStrv machine_directories; /* least specific first */
    char *state_directory;
} ManagerConfig;

void manager_config_free(ManagerConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ManagerConfig, manager_config_free)

/* Both calls of one publication happen in one turn of the event loop. */
typedef struct ManagerObserver {
    /* the old catalog is still in force; not called for the first one */
    void (*about_to_publish)(const CatalogChange *change, gpointer userdata);
    /* the new one is; CHANGE is NULL where only the host's features differ */
    void (*published)(
            const CatalogChange *change, gboolean host_features_differ, gpointer userdata);
    gpointer userdata;
} ManagerObserver;

typedef struct Manager Manager;

/* Takes CONFIG. There is no catalog before the first reload is done. */
Manager *manager_new(sd_event *event, ManagerConfig *config) G_GNUC_WARN_UNUSED_RESULT;
void manager_free(Manager *manager);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Manager, manager_free)

void manager_set_observer(Manager *manager, const ManagerObserver *observer);

/* DONE is called on the event loop, never before this returns, when a catalog that was begun after
 * this call is in force (ERROR NULL), or could not be built. A negative errno: the system cannot
 * begin, and DONE is not called. */
typedef void (*ManagerReloadDone)(const GError *error, gpointer userdata);
int manager_reload(Manager *manager, ManagerReloadDone done, gpointer userdata);

/* All borrowed, and good until control returns to the event loop. */
const ManagerConfig *manager_get_config(const Manager *manager);
const Catalog *manager_get_catalog(const Manager *manager);
const char *const *manager_get_host_features(const Manager *manager);
/* 1 for the first catalog. */
guint64 manager_get_generation(const Manager *manager);
