/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/file.h"

/*
 * Watches paths, and says only "changed": once what happened has been quiet for a while. Knows
 * nothing of firmware.
 *
 * A path is watched through every directory on its way, links followed, so that it does not matter
 * which of them is made, renamed, linked elsewhere or mounted over: each holds the names that matter
 * in it, and everything else that happens there is passed over. The directories are found out anew
 * for each reading of the files, as a plan, beside the event loop; each is watched before anything in
 * it is looked at, so nothing is missed between the two.
 *
 * The sources of sd_event_add_inotify() are added on the event loop, which would have to wait for the
 * disk; here the loop reads one inotify descriptor, and threads add to it.
 */

/* Directories of one plan; the kernel's own limit, fs.inotify.max_user_watches, is shared by all
 * processes of the user. */
#define WATCH_MAX_DIRECTORIES 8192

/* All in microseconds. */
typedef struct WatchTimes {
    guint64 quiet;     /* nothing has happened for so long: told */
    guint64 max_quiet; /* told after so long although something still happens */
    guint64 rescan;    /* how often it is told where something cannot be watched */
} WatchTimes;

typedef struct Watch Watch;

/* CHANGED is called on the event loop. Where inotify itself cannot be had, plans are incomplete. */
int watch_new(
        sd_event *event, const WatchTimes *times, void (*changed)(gpointer userdata),
        gpointer userdata, Watch **ret) G_GNUC_WARN_UNUSED_RESULT;
void watch_free(Watch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Watch, watch_free)

void watch_set_times(Watch *watch, const WatchTimes *times);

/* Reports a change after so many microseconds. */
void watch_look_after(Watch *watch, guint64 usec);

/* One reading of the files: which paths matter. */
typedef struct WatchPlan WatchPlan;

/* One at a time, but for those that are left behind; what follows may happen on another thread. WATCH
 * must outlive it. SILENT: a set of paths without links, which must not be looked at; kept by
 * reference. */
WatchPlan *watch_plan_new(Watch *watch, GHashTable *silent) G_GNUC_WARN_UNUSED_RESULT;
void watch_plan_free(WatchPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WatchPlan, watch_plan_free)

/* Calls these two, each with an absolute path. They return FALSE when the path leads to one of the
 * silent ones or below. */
FileVisitor watch_plan_get_visitor(WatchPlan *plan);
gboolean watch_plan_add_file(WatchPlan *plan, const char *path);
gboolean watch_plan_add_directory(WatchPlan *plan, const char *path);

/* From any thread: the path without links that was looked at last; NULL: none was. */
char *watch_plan_get_in_hand(WatchPlan *plan) G_GNUC_WARN_UNUSED_RESULT;

/* A directory that cannot be watched, and why; NULL where all are. */
const char *watch_plan_get_unwatched(const WatchPlan *plan, int *ret_error);

/* On the loop: from now on the paths of PLAN matter, and no others. Takes PLAN. */
void watch_adopt(Watch *watch, WatchPlan *plan);
/* The reading failed: those of the old plan matter still. Another is asked for after a while. Takes
 * PLAN. */
void watch_reject(Watch *watch, WatchPlan *plan);
/* PLAN was left behind for another one, and its reading has ended. Takes PLAN. */
void watch_drop(Watch *watch, WatchPlan *plan);

/* The mounts at PATH, which has no links, and above it, as a text that differs when one of them does.
 * *RET_POINT: the lowest mount point; "/" where the mounts are not known. */
char *watch_get_mounts_above(const Watch *watch, const char *path, char **ret_point)
        G_GNUC_WARN_UNUSED_RESULT;
