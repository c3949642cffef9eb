/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/watch.h"

/* The parts of a plan, for watch.c, watch-plan.c and tests. */

struct WatchPlan {
    int inotify;             /* borrowed; negative: none */
    GHashTable *silent;      /* set of paths without links: skipped, with all below */
    GHashTable *directories; /* path without links -> its Directory */
    GHashTable *by_wd;       /* watch descriptor -> Directory */
    GHashTable *links;       /* path of a link -> its target */
    guint max_directories;   /* WATCH_MAX_DIRECTORIES, or less in a test */
    char *unwatched;         /* a directory that cannot be watched; NULL: none */
    int unwatched_error;     /* positive errno */

    GMutex mutex;
    char *in_hand; /* under MUTEX: see watch_plan_get_in_hand() */
};

/* INOTIFY: negative if there is none. Keeps a reference to SILENT. */
WatchPlan *watch_plan_new_for(int inotify, GHashTable *silent) G_GNUC_WARN_UNUSED_RESULT;

gboolean watch_plan_has(const WatchPlan *plan, int wd);

/* Whether an event matters. NAME: the entry of the directory; "": the directory itself. */
gboolean watch_plan_concerns(const WatchPlan *plan, int wd, const char *name);
/* Whether a mount matters, that is, its mount point is on the way of a path of the plan. */
gboolean watch_plan_concerns_mount(const WatchPlan *plan, const char *mount_point);
