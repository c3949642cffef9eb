/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service/build.h"

#include <errno.h>

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
    g_clear_pointer(&build->answers, g_hash_table_unref);
    g_clear_pointer(&build->silent, g_hash_table_unref);
    watch_plan_free(build->plan);
    catalog_unref(build->catalog);
    g_clear_error(&build->error);
    g_strfreev(build->host_features);
    g_clear_pointer(&build->unknown, g_ptr_array_unref);
    g_free(build);
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

static void read_all(Build *build, CatalogSources *sources) {
    g_autoptr(MachineTable) machines = NULL;

    for (guint i = 0; i < build->more_files->len; i++)
        (void)file_visit(sources->visitor, build->more_files->pdata[i]);
    machines = machine_table_load(
            (const char *const *)build->config->machine_directories, sources->visitor,
            &build->error);
    if (!machines)
        return;
    build->unknown =
            emulator_add_aliases(build->answers, machines, build->asks_again, sources->visitor);

    sources->machines = machines;
    build->catalog = catalog_build(sources, &build->error);
    if (build->catalog) {
        add_unwatched(build->catalog, build->plan, build->config);
        add_silent(build->catalog, build->silent);
    }
    build->host_features = host_probe_features(sources->visitor);
}

static gboolean read_config(Build *build) {
    g_autoptr(GError) error = NULL;
    Config *config = config_load(build->options, &error);

    if (!config) {
        build->error = g_error_new(
                FIRMWARE_ERROR, FIRMWARE_ERROR_IO, "cannot read the configuration: %s",
                error->message);
        return FALSE;
    }
    config_unref(build->config);
    build->config = config;
    return TRUE;
}

static void run(gpointer userdata) {
    Build *build = userdata;
    FileVisitor visitor;
    CatalogSources sources;

    if (build->reads_config && !read_config(build))
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
