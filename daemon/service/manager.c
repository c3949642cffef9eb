/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "manager.h"

#include "emulator.h"
#include "error.h"
#include "host.h"
#include "log-event.h"
#include "task.h"

typedef struct Waiter {
    ManagerReloadDone done;
    gpointer userdata;
} Waiter;

/* What a build makes, on a thread of its own. */
typedef struct Build {
    Catalog *catalog; /* or: */
    GError *error;
    GStrv host_features;
} Build;

struct Manager {
    sd_event *event;
    ManagerConfig *config;
    ManagerObserver observer;
    EmulatorCache *emulators; /* the running build's alone */

    Catalog *catalog;
    GStrv host_features;
    guint64 generation;

    Task *task; /* the running build; NULL: none */
    Build build;
    GArray *served;  /* of Waiter: for the running build */
    GArray *waiting; /* of Waiter: came after it began */
};

void manager_config_free(ManagerConfig *config) {
    if (!config)
        return;

    g_ptr_array_unref(config->layers);
    g_strfreev(config->machine_directories);
    g_free(config->state_directory);
    g_free(config);
}

static void build_clear(Build *build) {
    g_clear_pointer(&build->catalog, catalog_unref);
    g_clear_error(&build->error);
    g_clear_pointer(&build->host_features, g_strfreev);
}

Manager *manager_new(sd_event *event, ManagerConfig *config) {
    Manager *manager = g_new0(Manager, 1);

    manager->event = sd_event_ref(event);
    manager->config = config;
    manager->emulators = emulator_cache_new();
    manager->served = g_array_new(FALSE, FALSE, sizeof(Waiter));
    manager->waiting = g_array_new(FALSE, FALSE, sizeof(Waiter));
    return manager;
}

void manager_free(Manager *manager) {
    if (!manager)
        return;

    task_free(manager->task);
    build_clear(&manager->build);
    g_array_unref(manager->served);
    g_array_unref(manager->waiting);
    emulator_cache_free(manager->emulators);
    catalog_unref(manager->catalog);
    g_strfreev(manager->host_features);
    manager_config_free(manager->config);
    sd_event_unref(manager->event);
    g_free(manager);
}

void manager_set_observer(Manager *manager, const ManagerObserver *observer) {
    manager->observer = *observer;
}

/* -- publishing -------------------------------------------------------------------------- */

static gboolean swap_host_features(Manager *manager, GStrv features) {
    gboolean differ = !manager->host_features ||
            !g_strv_equal(
                    (const char *const *)manager->host_features, (const char *const *)features);

    g_strfreev(manager->host_features);
    manager->host_features = features;
    return differ;
}

static void publish(Manager *manager, Build *build) {
    const ManagerObserver *observer = &manager->observer;
    g_autoptr(Catalog) old =
            NULL; /* declared first, so freed after CHANGE, which borrows from it */
    g_autoptr(CatalogChange) change = catalog_compare(manager->catalog, build->catalog);
    gboolean host_features_differ;

    if (change && manager->catalog && observer->about_to_publish)
        observer->about_to_publish(change, observer->userdata);

    host_features_differ = swap_host_features(manager, g_steal_pointer(&build->host_features));
    if (change) {
        old = g_steal_pointer(&manager->catalog);
        manager->catalog = g_steal_pointer(&build->catalog);
        manager->generation++;
        log_event_catalog(old, manager->catalog, manager->generation);
    }

    if ((change || host_features_differ) && observer->published)
        observer->published(change, host_features_differ, observer->userdata);
}

/* -- building ---------------------------------------------------------------------------- */

/* On the task's thread: touches nothing of the manager but its configuration, which does not
 * change, the emulator cache and the build. */
static void run_build(gpointer userdata) {
    Manager *manager = userdata;
    Build *build = &manager->build;
    g_autoptr(MachineTable) machines = machine_table_load(
            (const char *const *)manager->config->machine_directories, &build->error);

    if (!machines)
        return;
    emulator_add_aliases(manager->emulators, machines);
    build->catalog = catalog_build(manager->config->layers, machines, &build->error);
    build->host_features = host_probe_features();
}

static void tell_waiters(GArray *waiters, const GError *error) {
    for (guint i = 0; i < waiters->len; i++) {
        const Waiter *waiter = &g_array_index(waiters, Waiter, i);
        waiter->done(error, waiter->userdata);
    }
}

static int start_build(Manager *manager);

static void on_build_done(gpointer userdata) {
    Manager *manager = userdata;
    g_autoptr(GArray) served = g_steal_pointer(&manager->served);
    Build build = manager->build;
    int r;

    g_clear_pointer(&manager->task, task_free);
    manager->build = (Build){};
    manager->served = g_array_new(FALSE, FALSE, sizeof(Waiter));

    if (build.catalog)
        publish(manager, &build);
    else
        g_warning("the catalog stays as it was: %s", build.error->message);
    tell_waiters(served, build.error);
    build_clear(&build);

    if (manager->waiting->len == 0)
        return;
    r = start_build(manager);
    if (r < 0) {
        g_autoptr(GError) error = g_error_new(
                FIRMWARE_ERROR, FIRMWARE_ERROR_IO, "cannot begin to read the descriptors: %s",
                g_strerror(-r));
        tell_waiters(manager->waiting, error);
        g_array_set_size(manager->waiting, 0);
    }
}

/* Those that wait are served by the build that begins here. */
static int start_build(Manager *manager) {
    GArray *empty = manager->served;
    int r;

    r = task_start(manager->event, run_build, on_build_done, manager, &manager->task);
    if (r < 0)
        return r;

    manager->served = manager->waiting;
    manager->waiting = empty;
    return 0;
}

int manager_reload(Manager *manager, ManagerReloadDone done, gpointer userdata) {
    Waiter waiter = {.done = done, .userdata = userdata};
    int r;

    g_array_append_val(manager->waiting, waiter);
    if (manager->task)
        return 0;

    r = start_build(manager);
    if (r < 0)
        g_array_set_size(manager->waiting, 0);
    return r;
}

const ManagerConfig *manager_get_config(const Manager *manager) {
    return manager->config;
}

const Catalog *manager_get_catalog(const Manager *manager) {
    return manager->catalog;
}

const char *const *manager_get_host_features(const Manager *manager) {
    return (const char *const *)manager->host_features;
}

guint64 manager_get_generation(const Manager *manager) {
    return manager->generation;
}
