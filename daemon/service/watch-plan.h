/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/watch.h"

/* The inside of a plan: shared by watch.c and watch-plan.c. */

struct WatchPlan {
    int inotify;             /* borrowed; negative: none */
    GHashTable *directories; /* path without links -> its Directory */
    GHashTable *by_wd;       /* watch descriptor -> Directory */
    GHashTable *links;       /* path of a link -> where it leads */
    char *unwatched;         /* a directory that cannot be watched; NULL: none */
    int unwatched_error;     /* positive errno */
};

/* INOTIFY: negative where it cannot be had. */
WatchPlan *watch_plan_new_for(int inotify) G_GNUC_WARN_UNUSED_RESULT;

/* Adds to PLAN what MORE has. */
void watch_plan_merge(WatchPlan *plan, const WatchPlan *more);

gboolean watch_plan_has(const WatchPlan *plan, int wd);

/* What an event means. */
typedef enum WatchMeaning {
    WATCH_MEANS_NOTHING,
    WATCH_MEANS_FILES, /* those that were added to the paths, and no others */
    WATCH_MEANS_ANYTHING,
} WatchMeaning;

/* NAME: what the event happened to in the directory; "": to the directory itself. PATHS: a set of
 * char*, owned. */
WatchMeaning watch_plan_judge(const WatchPlan *plan, int wd, const char *name, GHashTable *paths);
