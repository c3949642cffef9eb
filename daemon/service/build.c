/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service/build.h"

#include <errno.h>

#include "base/conf-files.h"
#include "base/error.h"
#include "service/host.h"
#include "service/sd-cleanup.h"

void build_free(Build *build) {
    if (!build)
        return;

    task_free(build->task);
    config_unref(build->config);
    catalog_unref(build->previous);
    g_clear_pointer(&build->more_files, g_ptr_array_unref);
    g_clear_pointer(&build->seen_before, g_hash_table_unref);
    g_clear_pointer(&build->seen, g_hash_table_unref);
    g_clear_pointer(&build->answers, g_hash_table_unref);
    g_clear_pointer(&build->silent, g_hash_table_unref);
    watch_plan_free(build->plan);
    watch_plan_free(build->config_plan);
    catalog_unref(build->catalog);
    g_clear_error(&build->error);
    g_strfreev(build->host_features);
    g_clear_pointer(&build->unknown, g_ptr_array_unref);
    g_free(build);
}

char *build_get_in_hand(const Build *build) {
    char *path = watch_plan_get_in_hand(build->plan);

    return path || !build->config_plan ? path : watch_plan_get_in_hand(build->config_plan);
}

GHashTable *build_seen_new(void) {
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

/* -- on the thread ----------------------------------------------------------------------- */

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

static void add_silent(Catalog *catalog, GHashTable *silent) {
    GHashTableIter iter;
    gpointer path;

    g_hash_table_iter_init(&iter, silent);
    while (g_hash_table_iter_next(&iter, &path, NULL))
        catalog_add_problem(catalog, path, "does not answer; files there count as unreadable");
}

typedef struct Seen {
    gboolean is_silent;
    FileStamp stamp; /* all zero: it cannot be opened */
    gboolean is_trusted;
} Seen;

static gboolean is_same(const Seen *before, const Seen *now) {
    return before && before->is_trusted && before->is_silent == now->is_silent &&
            file_stamp_equal(&before->stamp, &now->stamp);
}

static void look_at_more_files(Build *build, const CatalogSources *sources) {
    build->seen = build_seen_new();
    for (guint i = 0; i < build->more_files->len; i++) {
        const char *path = build->more_files->pdata[i];
        Seen *seen = g_new0(Seen, 1);
        struct stat st;

        seen->is_silent = !file_visit(sources->visitor, path);
        seen->is_trusted = TRUE;
        if (!seen->is_silent && stat(path, &st) >= 0) {
            seen->stamp = file_stamp(&st);
            seen->is_trusted = file_stamp_is_trusted(&seen->stamp, sources->now);
        }
        if (!is_same(g_hash_table_lookup(build->seen_before, path), seen))
            build->more_files_differ = TRUE;
        g_hash_table_replace(build->seen, g_strdup(path), seen);
    }
}

static void add_silent_files(Catalog *catalog, GHashTable *all_seen) {
    GHashTableIter iter;
    gpointer path;
    gpointer seen;

    g_hash_table_iter_init(&iter, all_seen);
    while (g_hash_table_iter_next(&iter, &path, &seen))
        if (((const Seen *)seen)->is_silent)
            catalog_add_silent(catalog, path);
}

/* Looks at VMs' stores are valid for one table. */
static void use_previous(const Build *build, KnownCertificates **known) {
    if (!build->previous || !known_certificates_equal(*known, build->previous->known))
        return;
    known_certificates_unref(*known);
    *known = known_certificates_ref(build->previous->known);
}

static void read_all(Build *build, CatalogSources *sources) {
    g_autoptr(MachineTable) machines = NULL;
    g_autoptr(KnownCertificates) known = NULL;
    g_autoptr(HostKeys) host_keys = NULL;
    g_autoptr(GPtrArray) problems =
            g_ptr_array_new_with_free_func((GDestroyNotify)conf_problem_free);

    look_at_more_files(build, sources);
    machines = machine_table_load(
            (const char *const *)build->config->machine_directories, sources->visitor,
            &build->error);
    if (!machines)
        return;
    known = known_certificates_load(
            (const char *const *)build->config->certificate_directories, sources->visitor, problems,
            &build->error);
    if (!known)
        return;
    use_previous(build, &known);
    host_keys = host_keys_load(
            build->config->enroll_directory, build->config->enrolls_platform_key, sources->visitor,
            problems, &build->error);
    if (!host_keys)
        return;
    build->unknown =
            emulator_cache_add_types(build->answers, machines, build->asks_again, sources->visitor);

    sources->machines = machines;
    sources->known = known;
    sources->host_keys = host_keys;
    build->catalog = catalog_build(sources, &build->error);
    if (build->catalog) {
        catalog_add_conf_problems(build->catalog, problems);
        add_unwatched(build->catalog, build->plan, build->config);
        add_silent(build->catalog, build->silent);
        add_silent_files(build->catalog, build->seen);
    }
    build->host_features = host_probe_features(sources->visitor);
}

/* The error of the first build is that of config_load(). */
static gboolean read_config(Build *build) {
    const FileVisitor visitor = watch_plan_get_visitor(build->config_plan);
    g_autoptr(GError) error = NULL;
    g_autoptr(Config) config = config_load(build->options, &visitor, &error);

    if (!config && build->previous) {
        build->error = g_error_new(
                FIRMWARE_ERROR, FIRMWARE_ERROR_IO, "cannot read the configuration: %s",
                error->message);
        return FALSE;
    }
    if (!config) {
        build->error = g_steal_pointer(&error);
        return FALSE;
    }

    build->lacks_config = config->is_incomplete;
    if (!build->lacks_config) {
        config_unref(build->config);
        build->config = g_steal_pointer(&config);
    }
    return TRUE;
}

static void run(gpointer userdata) {
    Build *build = userdata;
    FileVisitor visitor;
    CatalogSources sources;

    if (build->config_plan && !read_config(build))
        return;

    visitor = watch_plan_get_visitor(build->plan);
    sources = (CatalogSources){
            .layers = build->config->layers,
            .previous = build->previous,
            .now = g_get_real_time(),
            .visitor = &visitor,
    };
    read_all(build, &sources);
}

/* -- on the event loop ------------------------------------------------------------------- */

static void on_done(gpointer userdata) {
    Build *build = userdata;

    g_clear_pointer(&build->task, task_free);
    build->done(build, build->userdata);
}

static gboolean on_stalled(gpointer userdata) {
    Build *build = userdata;

    return build->stalled(build, build->userdata);
}

int build_start(sd_event *event, Build *build) {
    static const TaskFunctions functions = {.run = run, .done = on_done, .stalled = on_stalled};

    return task_start(event, &functions, build, &build->task);
}
