/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/watch.h"

/* The inside of a plan: shared by watch.c and watch-plan.c. */

struct WatchPlan {
    int inotify;             /* borrowed; negative: none */
    GHashTable *silent;      /* set of paths without links: not looked at, nor what is below */
    GHashTable *directories; /* path without links -> its Directory */
    GHashTable *by_wd;       /* watch descriptor -> Directory */
    GHashTable *links;       /* path of a link -> where it leads */
    guint max_directories;   /* WATCH_MAX_DIRECTORIES, but in tests */
    char *unwatched;         /* a directory that cannot be watched; NULL: none */
    int unwatched_error;     /* positive errno */

    GMutex mutex;
    char *in_hand; /* under MUTEX: the path that is looked at; NULL: none yet */
};

/* INOTIFY: negative where it cannot be had. Adds a reference to SILENT. */
WatchPlan *watch_plan_new_for(int inotify, GHashTable *silent) G_GNUC_WARN_UNUSED_RESULT;

gboolean watch_plan_has(const WatchPlan *plan, int wd);

/* Whether an event matters. NAME: the entry of the directory that it happened to; "": the directory
 * itself. */
gboolean watch_plan_concerns(const WatchPlan *plan, int wd, const char *name);
/* Whether a mount matters: its mount point is on a way of the plan. */
gboolean watch_plan_concerns_mount(const WatchPlan *plan, const char *mount_point);
