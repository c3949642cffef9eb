/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "core/catalog.h"
#include "service/config.h"
#include "service/emulator.h"
#include "service/task.h"
#include "service/watch.h"

/*
 * One build of a catalog on a worker thread, which can stall.
 */

typedef struct Build {
    const ConfigOptions *options;
    gboolean reads_config; /* by OPTIONS, instead of CONFIG */
    gboolean asks_again;   /* emulators that gave no answer */
    Config *config;
    Catalog *previous;     /* or NULL */
    GPtrArray *more_files; /* of char*: are watched as well */
    GHashTable *answers;   /* of the emulators */
    GHashTable *silent;    /* set of paths: see watch_plan_new() */
    WatchPlan *plan;
    void (*done)(struct Build *build, gpointer userdata);
    gboolean (*stalled)(struct Build *build, gpointer userdata); /* see task.h */
    gpointer userdata;

    /* What it makes: */
    Catalog *catalog; /* or: */
    GError *error;
    GStrv host_features;
    GPtrArray *unknown; /* emulators to ask */

    Task *task; /* NULL: it does not run */
} Build;

/* The caller sets the first group of fields, which the build owns; then the build is the thread's
 * until DONE. Both callbacks are called on the event loop. Returns 0 or a negative errno: neither is
 * called. */
int build_start(sd_event *event, Build *build) G_GNUC_WARN_UNUSED_RESULT;

/* Waits for the thread of a build that has started and is not done. */
void build_free(Build *build);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Build, build_free)
