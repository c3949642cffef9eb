/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "core/catalog.h"
#include "service/config.h"
#include "service/emulator-cache.h"
#include "service/task.h"
#include "service/watch.h"

/*
 * One build of a catalog on a worker thread, which can stall.
 */

typedef struct Build {
    const ConfigOptions *options;
    WatchPlan *config_plan; /* NULL, or: reads the configuration by OPTIONS, which replaces CONFIG
                             * if it is complete */
    gboolean asks_again;    /* emulators that gave no answer */
    Config *config;
    Catalog *previous;       /* or NULL */
    GPtrArray *more_files;   /* of char*: those of VMs, which are watched as well */
    GHashTable *seen_before; /* of those, when the catalog in force was built */
    GHashTable *answers;     /* of the emulators */
    GHashTable *silent;      /* set of paths: see watch_plan_new() */
    WatchPlan *plan;
    void (*done)(struct Build *build, gpointer userdata);
    gboolean (*stalled)(struct Build *build, gpointer userdata); /* see task.h */
    gpointer userdata;

    /* What it makes: */
    Catalog *catalog; /* or: */
    GError *error;
    GStrv host_features;
    GHashTable *seen;           /* path of each of MORE_FILES -> what it was */
    gboolean more_files_differ; /* from SEEN_BEFORE; or it cannot be told */
    GPtrArray *unknown;         /* emulators to ask */
    gboolean lacks_config;      /* CONFIG was not complete */

    Task *task; /* NULL: it does not run */
} Build;

/* The caller sets the first group of fields, which the build owns; then the build is the thread's
 * until DONE. Both callbacks are called on the event loop. Returns 0 or a negative errno: neither
 * is called. */
int build_start(sd_event *event, Build *build) G_GNUC_WARN_UNUSED_RESULT;

/* The path that the thread of a build that runs looks at; NULL: none yet. */
char *build_get_in_hand(const Build *build) G_GNUC_WARN_UNUSED_RESULT;

/* For SEEN_BEFORE of the first build. */
GHashTable *build_seen_new(void) G_GNUC_WARN_UNUSED_RESULT;

/* Waits for the thread of a build that has started and is not done. */
void build_free(Build *build);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Build, build_free)
