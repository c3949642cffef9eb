/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service/live-catalog.h"

#include <errno.h>

#include "service/emulator.h"
#include "base/error.h"
#include "service/host.h"
#include "service/log.h"
#include "service/log-catalog.h"
#include "service/task.h"

/* A file that is being written is waited for so long at the most: a caller of Reload waits, too. */
#define MAX_HOLD_USEC (G_USEC_PER_SEC / 2)

typedef struct Waiter {
    LiveCatalogReloadDone done;
    gpointer userdata;
} Waiter;

/* What a build is made from, and makes, on a thread of its own. */
typedef struct Build {
    gboolean reads_config;
    Config *config;
    Catalog *previous;
    GPtrArray *more_files; /* of char* */
    WatchPlan *plan;

    Catalog *catalog; /* or: */
    GError *error;
    GStrv host_features;
} Build;

struct LiveCatalog {
    sd_event *event;
    const ConfigOptions *options;
    Config *config;
    Watch *watch;
    LiveCatalogObserver observer;
    LiveCatalogDependent dependent;
    EmulatorCache *emulators; /* the running build's alone */

    Catalog *catalog;
    GStrv host_features;
    guint64 generation;

    Task *task; /* the running build; NULL: none */
    Build build;
    GArray *served;       /* of Waiter: for the running build */
    GArray *waiting;      /* of Waiter: came after it began */
    GArray *held;         /* of Waiter: until files are written, and a build begins by itself */
    gint64 held_since;    /* monotonic, microseconds; 0: no file is being written */
    gboolean is_outdated; /* something has changed since it began */
};

static void build_clear(Build *build) {
    g_clear_pointer(&build->config, config_unref);
    g_clear_pointer(&build->previous, catalog_unref);
    g_clear_pointer(&build->more_files, g_ptr_array_unref);
    g_clear_pointer(&build->plan, watch_plan_free);
    g_clear_pointer(&build->catalog, catalog_unref);
    g_clear_error(&build->error);
    g_clear_pointer(&build->host_features, g_strfreev);
}

static void on_files_changed(gpointer userdata);

int live_catalog_new(
        sd_event *event, const ConfigOptions *options, Config *config, LiveCatalog **ret) {
    g_autoptr(LiveCatalog) live = g_new0(LiveCatalog, 1);
    int r;

    live->event = sd_event_ref(event);
    live->options = options;
    live->config = config;
    live->emulators = emulator_cache_new();
    live->served = g_array_new(FALSE, FALSE, sizeof(Waiter));
    live->waiting = g_array_new(FALSE, FALSE, sizeof(Waiter));
    live->held = g_array_new(FALSE, FALSE, sizeof(Waiter));
    r = watch_new(event, &config->watch_times, on_files_changed, live, &live->watch);
    if (r < 0)
        return r;

    *ret = g_steal_pointer(&live);
    return 0;
}

void live_catalog_free(LiveCatalog *live) {
    if (!live)
        return;

    task_free(live->task);
    build_clear(&live->build);
    watch_free(live->watch);
    g_array_unref(live->served);
    g_array_unref(live->waiting);
    g_array_unref(live->held);
    emulator_cache_free(live->emulators);
    catalog_unref(live->catalog);
    g_strfreev(live->host_features);
    config_unref(live->config);
    sd_event_unref(live->event);
    g_free(live);
}

void live_catalog_set_observer(LiveCatalog *live, const LiveCatalogObserver *observer) {
    live->observer = *observer;
}

void live_catalog_set_dependent(LiveCatalog *live, const LiveCatalogDependent *dependent) {
    live->dependent = dependent ? *dependent : (LiveCatalogDependent){};
}

/* -- publishing -------------------------------------------------------------------------- */

static gboolean swap_host_features(LiveCatalog *live, GStrv features) {
    gboolean differ = !live->host_features ||
            !g_strv_equal((const char *const *)live->host_features, (const char *const *)features);

    g_strfreev(live->host_features);
    live->host_features = features;
    return differ;
}

static gboolean swap_config(LiveCatalog *live, Config *config) {
    gboolean differs = !config_same_search_path(live->config, config);

    /* one that was set meanwhile stays until the file says another */
    if (config->log_level != live->config->log_level)
        log_set_max_level(config->log_level);
    config_unref(live->config);
    live->config = config;
    watch_set_times(live->watch, &config->watch_times);
    return differs;
}

/* The new catalog takes the old one's place even where it answers alike: it knows the files as they
 * are now. */
static void publish(LiveCatalog *live, Build *build) {
    const LiveCatalogObserver *observer = &live->observer;
    /* declared first, so freed after CHANGE, which borrows from it */
    g_autoptr(Catalog) old = live->catalog;
    g_autoptr(CatalogChange) change = catalog_compare(old, build->catalog);
    Publication publication = {.change = change};

    if (change && old && observer->about_to_publish)
        observer->about_to_publish(change, observer->userdata);

    publication.search_path_differs = swap_config(live, g_steal_pointer(&build->config));
    publication.host_features_differ =
            swap_host_features(live, g_steal_pointer(&build->host_features));
    live->catalog = g_steal_pointer(&build->catalog);
    if (change) {
        live->generation++;
        log_catalog(old, live->catalog, live->generation);
    }

    if ((change || publication.host_features_differ || publication.search_path_differs) &&
        observer->published)
        observer->published(&publication, observer->userdata);
    if (live->dependent.rebuilt)
        live->dependent.rebuilt(live->dependent.userdata);
}

/* -- building ---------------------------------------------------------------------------- */

static void add_unwatched(Catalog *catalog, const WatchPlan *plan, const Config *config) {
    int error;
    const char *path = watch_plan_get_unwatched(plan, &error);
    g_autofree char *text = NULL;

    if (!path)
        return;
    text = g_strdup_printf(
            "cannot be watched for changes (%s); all files are looked at every %" G_GUINT64_FORMAT
            " s instead",
            error == ENOSPC ? "the limit fs.inotify.max_user_watches is reached"
                    : error == EMFILE
                    ? "the limit fs.inotify.max_user_instances, or of open files, is reached"
                    : g_strerror(error),
            config->watch_times.rescan / G_USEC_PER_SEC);
    catalog_add_problem(catalog, path, text);
}

static void read_all(LiveCatalog *live, Build *build, CatalogSources *sources) {
    g_autoptr(MachineTable) machines = NULL;

    for (guint i = 0; i < build->more_files->len; i++)
        file_visit(sources->visitor, build->more_files->pdata[i]);
    machines = machine_table_load(
            (const char *const *)build->config->machine_directories, sources->visitor,
            &build->error);
    if (!machines)
        return;
    emulator_add_aliases(live->emulators, machines, build->reads_config, sources->visitor);

    sources->machines = machines;
    build->catalog = catalog_build(sources, &build->error);
    if (build->catalog)
        add_unwatched(build->catalog, build->plan, build->config);
    build->host_features = host_probe_features(sources->visitor);
}

/* On the task's thread: touches nothing of the live catalog but its options, which do not change, the
 * emulators and the build. */
static void run_build(gpointer userdata) {
    LiveCatalog *live = userdata;
    Build *build = &live->build;
    CatalogSources sources;
    FileVisitor visitor;

    if (build->reads_config) {
        g_autoptr(GError) error = NULL;
        Config *config = config_load(live->options, &error);

        if (!config) {
            build->error = g_error_new(
                    FIRMWARE_ERROR, FIRMWARE_ERROR_IO, "cannot read the configuration: %s",
                    error->message);
            return;
        }
        config_unref(build->config);
        build->config = config;
    }

    visitor = watch_plan_get_visitor(build->plan);
    sources = (CatalogSources){
            .layers = build->config->layers,
            .previous = build->previous,
            .now = g_get_real_time(),
            .visitor = &visitor,
    };
    read_all(live, build, &sources);
}

static void tell_waiters(GArray *waiters, const GError *error) {
    for (guint i = 0; i < waiters->len; i++) {
        const Waiter *waiter = &g_array_index(waiters, Waiter, i);
        waiter->done(error, waiter->userdata);
    }
}

static void move_waiters(GArray *to, GArray *from) {
    g_array_append_vals(to, from->data, from->len);
    g_array_set_size(from, 0);
}

/* Files that are being written are waited for, but not for ever: what else has changed is published
 * then without them. */
static gboolean must_hold(LiveCatalog *live, const Catalog *catalog) {
    gint64 now = g_get_monotonic_time();

    if (!catalog->is_held) {
        live->held_since = 0;
        return FALSE;
    }
    if (live->held_since == 0)
        live->held_since = now;
    watch_look_after(live->watch, CATALOG_HOLD_USEC);
    return now - live->held_since < MAX_HOLD_USEC;
}

static void start_next_build(LiveCatalog *live);

static void on_build_done(gpointer userdata) {
    LiveCatalog *live = userdata;
    g_autoptr(GArray) served = g_steal_pointer(&live->served);
    Build build = live->build;

    g_clear_pointer(&live->task, task_free);
    live->build = (Build){};
    live->served = g_array_new(FALSE, FALSE, sizeof(Waiter));

    if (build.catalog) {
        watch_adopt(live->watch, g_steal_pointer(&build.plan));
        if (must_hold(live, build.catalog))
            move_waiters(live->held, served);
        else
            publish(live, &build);
    } else {
        watch_reject(live->watch, g_steal_pointer(&build.plan));
        g_warning("the catalog stays as it was: %s", build.error->message);
    }
    tell_waiters(served, build.error);
    build_clear(&build);
    start_next_build(live);
}

static gboolean somebody_waits(const LiveCatalog *live) {
    return live->waiting->len > 0 || live->held->len > 0;
}

/* Those that wait are served by the build that begins here. */
static int start_build(LiveCatalog *live) {
    Build *build = &live->build;
    int r;

    *build = (Build){
            .config = config_ref(live->config),
            .previous = live->catalog ? catalog_ref(live->catalog) : NULL,
            .more_files = g_ptr_array_new_with_free_func(g_free),
            .plan = watch_plan_new(live->watch),
    };
    /* the first one has the configuration that the service began with */
    build->reads_config = somebody_waits(live) && live->catalog;
    if (live->dependent.list_files)
        live->dependent.list_files(build->more_files, live->dependent.userdata);

    live->is_outdated = FALSE;
    r = task_start(live->event, run_build, on_build_done, live, &live->task);
    if (r < 0) {
        watch_reject(live->watch, g_steal_pointer(&build->plan));
        build_clear(build);
        return r;
    }

    move_waiters(live->served, live->held);
    move_waiters(live->served, live->waiting);
    return 0;
}

static int try_start(LiveCatalog *live) {
    if (live->task || (live->waiting->len == 0 && !live->is_outdated))
        return 0;
    return start_build(live);
}

/* As far as one is asked for and none runs; the waiters are told where none can. */
static void start_next_build(LiveCatalog *live) {
    g_autoptr(GError) error = NULL;
    int r = try_start(live);

    if (r >= 0)
        return;
    error = g_error_new(
            FIRMWARE_ERROR, FIRMWARE_ERROR_IO, "cannot begin to read the descriptors: %s",
            g_strerror(-r));
    g_warning("%s", error->message);
    move_waiters(live->waiting, live->held);
    tell_waiters(live->waiting, error);
    g_array_set_size(live->waiting, 0);
}

static void on_files_changed(gpointer userdata) {
    LiveCatalog *live = userdata;

    live->is_outdated = TRUE;
    start_next_build(live);
}

int live_catalog_reload(LiveCatalog *live, LiveCatalogReloadDone done, gpointer userdata) {
    const Waiter waiter = {.done = done, .userdata = userdata};
    int r;

    g_array_append_val(live->waiting, waiter);
    r = try_start(live);
    if (r < 0)
        /* those that are held are served by the next attempt */
        g_array_set_size(live->waiting, live->waiting->len - 1);
    return r;
}

const Config *live_catalog_get_config(const LiveCatalog *live) {
    return live->config;
}

const Catalog *live_catalog_get_catalog(const LiveCatalog *live) {
    return live->catalog;
}

const char *const *live_catalog_get_host_features(const LiveCatalog *live) {
    return (const char *const *)live->host_features;
}

guint64 live_catalog_get_generation(const LiveCatalog *live) {
    return live->generation;
}
