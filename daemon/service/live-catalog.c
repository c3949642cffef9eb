/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service/live-catalog.h"

#include "base/error.h"
#include "service/build.h"
#include "service/log.h"
#include "service/log-catalog.h"

/* Limit of the wait for half-written files: callers of Reload wait, too. */
#define MAX_HOLD_USEC (G_USEC_PER_SEC / 2)

typedef struct Waiter {
    LiveCatalogReloadDone done;
    gpointer userdata;
} Waiter;

/* A build whose thread waits for a file system. */
typedef struct Stall {
    Build *build;
    char *path;   /* without links, in the hands of the thread */
    char *place;  /* later builds skip it; NULL: no longer, for the mounts have changed */
    char *mounts; /* those above PATH at the time of the stall */
} Stall;

struct LiveCatalog {
    sd_event *event;
    const ConfigOptions *options;
    Config *config;
    gboolean lacks_config; /* CONFIG is older than the files, one of which does not answer */
    Watch *watch;
    LiveCatalogObserver observer;
    LiveCatalogDependent dependent;
    EmulatorCache *emulators;

    Catalog *catalog;
    GStrv host_features;
    guint64 generation;
    GHashTable *seen; /* files of the dependent: see build.h */

    Build *build;         /* NULL: none runs */
    GPtrArray *stalls;    /* of Stall */
    GArray *served;       /* of Waiter: for the running build */
    GArray *waiting;      /* of Waiter: for the next build */
    GArray *held;         /* of Waiter: for the build after the deferred one */
    gint64 held_since;    /* monotonic, microseconds; 0: no file is half written */
    gboolean is_outdated; /* files have changed since the last build began */
};

static void stall_free(gpointer data) {
    Stall *stall = data;

    build_free(stall->build);
    g_free(stall->path);
    g_free(stall->place);
    g_free(stall->mounts);
    g_free(stall);
}

static void on_files_changed(gpointer userdata);

int live_catalog_new(
        sd_event *event, const ConfigOptions *options, Config *config, LiveCatalog **ret) {
    g_autoptr(LiveCatalog) live = g_new0(LiveCatalog, 1);
    int r;

    live->event = sd_event_ref(event);
    live->options = options;
    live->config = config;
    live->emulators = emulator_cache_new(event, on_files_changed, live);
    live->stalls = g_ptr_array_new_with_free_func(stall_free);
    live->seen = build_seen_new();
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

    build_free(live->build);
    g_ptr_array_unref(live->stalls);
    watch_free(live->watch);
    g_array_unref(live->served);
    g_array_unref(live->waiting);
    g_array_unref(live->held);
    emulator_cache_free(live->emulators);
    catalog_unref(live->catalog);
    g_strfreev(live->host_features);
    g_hash_table_unref(live->seen);
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

    /* a level that was set over the bus stays until the file has another one */
    if (config->log_level != live->config->log_level)
        log_set_max_level(config->log_level);
    config_unref(live->config);
    live->config = config;
    watch_set_times(live->watch, &config->watch_times);
    return differs;
}

/* The new catalog replaces the old one even if each answer is the same: it has the current stamps
 * of the files. */
static void publish(LiveCatalog *live, Build *build) {
    const LiveCatalogObserver *observer = &live->observer;
    /* declared first, so freed after CHANGE, which borrows from it */
    g_autoptr(Catalog) old = live->catalog;
    g_autoptr(CatalogChange) change = catalog_compare(old, build->catalog);
    Publication publication = {.change = change};

    if (change && old && observer->about_to_publish)
        observer->about_to_publish(change, observer->userdata);

    live->lacks_config = build->lacks_config;
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
    g_hash_table_unref(live->seen);
    live->seen = g_steal_pointer(&build->seen);
    if (live->dependent.rebuilt)
        live->dependent.rebuilt(
                change || publication.host_features_differ || build->more_files_differ,
                live->dependent.userdata);
}

/* -- building ---------------------------------------------------------------------------- */

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

/* Slow emulators and half-written files defer a catalog for a limited time. After that it is
 * published without them. */
static gboolean must_hold(LiveCatalog *live, const Catalog *catalog) {
    gint64 now = g_get_monotonic_time();

    if (emulator_cache_is_awaited(live->emulators))
        return TRUE;
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

static void finish_build(LiveCatalog *live, Build *build) {
    g_autoptr(GArray) served = g_steal_pointer(&live->served);

    live->served = g_array_new(FALSE, FALSE, sizeof(Waiter));
    if (build->catalog) {
        watch_adopt(live->watch, g_steal_pointer(&build->plan));
        emulator_cache_ask(live->emulators, build->unknown);
        if (must_hold(live, build->catalog))
            move_waiters(live->held, served);
        else
            publish(live, build);
    } else {
        watch_reject(live->watch, g_steal_pointer(&build->plan));
        g_warning("the catalog stays as it was: %s", build->error->message);
    }
    tell_waiters(served, build->error);
}

/* The thread has returned, so its file system answers again. */
static void end_stall(LiveCatalog *live, const Build *build) {
    for (guint i = 0; i < live->stalls->len; i++) {
        Stall *stall = live->stalls->pdata[i];

        if (stall->build != build)
            continue;
        watch_drop(live->watch, g_steal_pointer(&stall->build->plan));
        g_ptr_array_remove_index_fast(live->stalls, i);
        live->is_outdated = TRUE;
        return;
    }
}

static void on_build_done(Build *build, gpointer userdata) {
    LiveCatalog *live = userdata;

    if (build == live->build) {
        g_autoptr(Build) finished = g_steal_pointer(&live->build);

        finish_build(live, finished);
    } else {
        end_stall(live, build);
    }
    start_next_build(live);
}

/* Abandons BUILD and begins another one, which skips the file system that BUILD waits for, or if
 * that is the root file system, this one file. */
static gboolean on_build_stalled(Build *build, gpointer userdata) {
    LiveCatalog *live = userdata;
    g_autofree char *path = build_get_in_hand(build);
    Stall *stall;

    if (!path || live->stalls->len >= LIVE_CATALOG_MAX_STALLS)
        return FALSE;
    stall = g_new0(Stall, 1);
    stall->mounts = watch_get_mounts_above(live->watch, path, &stall->place);
    if (g_str_equal(stall->place, "/")) {
        g_free(stall->place);
        stall->place = g_strdup(path);
    }
    stall->path = g_steal_pointer(&path);
    stall->build = g_steal_pointer(&live->build);
    g_ptr_array_add(live->stalls, stall);

    move_waiters(live->waiting, live->served);
    live->is_outdated = TRUE;
    start_next_build(live);
    return TRUE;
}

/* A place with other mounts above it may answer now. */
static GHashTable *list_silent(LiveCatalog *live) {
    GHashTable *silent = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; i < live->stalls->len; i++) {
        Stall *stall = live->stalls->pdata[i];
        g_autofree char *place = NULL;
        g_autofree char *mounts = watch_get_mounts_above(live->watch, stall->path, &place);

        if (!g_str_equal(mounts, stall->mounts))
            g_clear_pointer(&stall->place, g_free);
        if (stall->place)
            g_hash_table_add(silent, g_strdup(stall->place));
    }
    return silent;
}

static gboolean somebody_waits(const LiveCatalog *live) {
    return live->waiting->len > 0 || live->held->len > 0;
}

static Build *prepare_build(LiveCatalog *live) {
    Build *build = g_new0(Build, 1);

    build->options = live->options;
    build->asks_again = live->waiting->len > 0;
    build->config = config_ref(live->config);
    build->previous = live->catalog ? catalog_ref(live->catalog) : NULL;
    build->more_files = g_ptr_array_new_with_free_func(g_free);
    build->seen_before = g_hash_table_ref(live->seen);
    build->answers = emulator_cache_get_answers(live->emulators);
    build->silent = list_silent(live);
    build->plan = watch_plan_new(live->watch, build->silent);
    /* a change of the configuration matters at the next reload only, so it is not watched */
    if (live->lacks_config || somebody_waits(live))
        build->config_plan = watch_plan_new(NULL, build->silent);
    build->done = on_build_done;
    build->stalled = on_build_stalled;
    build->userdata = live;
    if (live->dependent.list_files)
        live->dependent.list_files(build->more_files, live->dependent.userdata);
    return build;
}

/* This build serves all waiters. */
static int start_build(LiveCatalog *live) {
    g_autoptr(Build) build = prepare_build(live);
    int r;

    live->is_outdated = FALSE;
    r = build_start(live->event, build);
    if (r < 0) {
        watch_reject(live->watch, g_steal_pointer(&build->plan));
        return r;
    }

    live->build = g_steal_pointer(&build);
    move_waiters(live->served, live->held);
    move_waiters(live->served, live->waiting);
    return 0;
}

static int try_start(LiveCatalog *live) {
    if (live->build || (live->waiting->len == 0 && !live->is_outdated))
        return 0;
    return start_build(live);
}

/* Begins a build if one is needed and none runs. If that fails, each waiter gets the error. */
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

void live_catalog_look(LiveCatalog *live) {
    live->is_outdated = TRUE;
    start_next_build(live);
}

static void on_files_changed(gpointer userdata) {
    live_catalog_look(userdata);
}

int live_catalog_reload(LiveCatalog *live, LiveCatalogReloadDone done, gpointer userdata) {
    const Waiter waiter = {.done = done, .userdata = userdata};
    int r;

    g_array_append_val(live->waiting, waiter);
    r = try_start(live);
    if (r < 0)
        /* the next attempt serves the held ones */
        g_array_set_size(live->waiting, live->waiting->len - 1);
    return r;
}

gboolean live_catalog_is_stalled(const LiveCatalog *live) {
    return live->stalls->len > 0;
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
