/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/file.h"

/*
 * Watches paths, and reports changes after a debounce interval, without details. Knows nothing of
 * firmware.
 *
 * A path is watched in each directory on its way, links followed, so it does not matter which part
 * of the path is created, renamed, linked elsewhere or mounted over. Each directory has the set of
 * names that matter in it; other events in it are ignored. Each scan of the files finds these
 * directories again, as a plan, on a worker thread, and watches a directory before it looks at an
 * entry of it, so no change is missed in between.
 *
 * sd_event_add_inotify() resolves its path on the event loop, which must not wait for a disk. Here
 * the loop reads one inotify descriptor, to which threads add watches.
 */

/* Of one plan. All processes of a user share the kernel's limit, fs.inotify.max_user_watches. */
#define WATCH_MAX_DIRECTORIES 8192

/* Microseconds. */
typedef struct WatchTimes {
    guint64 quiet;     /* debounce interval */
    guint64 max_quiet; /* its limit while changes go on */
    guint64 rescan;    /* interval of reports if a directory cannot be watched */
} WatchTimes;

typedef struct Watch Watch;

/* CHANGED is called on the event loop. Without inotify, each plan is incomplete. Returns 0 or a
 * negative errno. */
int watch_new(
        sd_event *event, const WatchTimes *times, void (*changed)(gpointer userdata),
        gpointer userdata, Watch **ret) G_GNUC_WARN_UNUSED_RESULT;
void watch_free(Watch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Watch, watch_free)

void watch_set_times(Watch *watch, const WatchTimes *times);

/* Reports a change after so many microseconds. */
void watch_look_after(Watch *watch, guint64 usec);

/* The paths that matter, of one scan of the files. */
typedef struct WatchPlan WatchPlan;

/* One at a time, apart from abandoned ones. The functions below may be called on another thread.
 * WATCH must outlive the plan; NULL: nothing is watched. SILENT is a set of paths without links,
 * which the plan must not look at; the plan keeps a reference. */
WatchPlan *watch_plan_new(Watch *watch, GHashTable *silent) G_GNUC_WARN_UNUSED_RESULT;
void watch_plan_free(WatchPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WatchPlan, watch_plan_free)

/* A visitor that calls the following two, each with an absolute path. They return FALSE if the path
 * leads to or below a silent one. */
FileVisitor watch_plan_get_visitor(WatchPlan *plan);
gboolean watch_plan_add_file(WatchPlan *plan, const char *path);
gboolean watch_plan_add_directory(WatchPlan *plan, const char *path);

/* The last path that was looked at, without links; NULL: none yet. From any thread. */
char *watch_plan_get_in_hand(WatchPlan *plan) G_GNUC_WARN_UNUSED_RESULT;

/* A directory that cannot be watched, with a positive errno; NULL if each one is watched. */
const char *watch_plan_get_unwatched(const WatchPlan *plan, int *ret_error);

/* On the event loop: PLAN replaces the plan in force. Takes PLAN. */
void watch_adopt(Watch *watch, WatchPlan *plan);
/* The scan failed: the old plan stays, and a change is reported after the rescan interval. Takes
 * PLAN. */
void watch_reject(Watch *watch, WatchPlan *plan);
/* The scan of PLAN was abandoned, and has ended now. Takes PLAN. */
void watch_drop(Watch *watch, WatchPlan *plan);

/* The mounts at and above PATH, which has no links, as a text that differs if one of them does.
 * *RET_POINT is the lowest mount point, or "/" if the mounts are not known. */
char *watch_get_mounts_above(const Watch *watch, const char *path, char **ret_point)
        G_GNUC_WARN_UNUSED_RESULT;
