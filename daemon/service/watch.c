/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service/watch.h"

#include <fcntl.h>
#include <stdalign.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include "service/mounts.h"
#include "service/watch-plan.h"

/* Events queued during a scan until its plan can classify them. More count as a change. */
#define MAX_KEPT 1024

/* The default accuracy, 250 ms, is longer than the debounce interval. */
#define TIMER_ACCURACY_USEC 1000

struct Watch {
    FileFd inotify; /* a negative errno: there is none */
    Mounts *mounts; /* NULL: there is no /proc */
    sd_event *event;
    sd_event_source *inotify_source;
    sd_event_source *mounts_source;
    sd_event_source *timer; /* off while there is no change to report */
    WatchTimes times;
    void (*changed)(gpointer userdata);
    gpointer userdata;

    WatchPlan *plan; /* in force; NULL: none yet */
    gboolean is_planning;
    GPtrArray *kept;       /* of WatchEvent, while planning */
    GPtrArray *dropped;    /* of WatchPlan, while planning */
    guint64 first_change;  /* time of the first change not reported yet; 0: none */
    gboolean needs_rescan; /* a directory cannot be watched */
};

/* No watch descriptor: the event is of a mount. */
#define MOUNT_WD (-1)

typedef struct WatchEvent {
    int wd;
    char name[]; /* "": the directory itself; of a mount its mount point */
} WatchEvent;

/* -- reporting ---------------------------------------------------------------------------- */

static guint64 get_now(const Watch *watch) {
    guint64 now = 0;

    /* fails for a clock that is not there, and this one is */
    (void)sd_event_now(watch->event, CLOCK_MONOTONIC, &now);
    return now;
}

static gboolean is_timer_set(const Watch *watch) {
    int enabled = SD_EVENT_OFF;

    (void)sd_event_source_get_enabled(watch->timer, &enabled);
    return enabled != SD_EVENT_OFF;
}

static void set_timer(Watch *watch, guint64 usec) {
    (void)sd_event_source_set_time(watch->timer, usec);
    (void)sd_event_source_set_enabled(watch->timer, SD_EVENT_ONESHOT);
}

static void tell_later(Watch *watch) {
    guint64 now = get_now(watch);

    if (watch->first_change == 0)
        watch->first_change = now;
    set_timer(watch, MIN(now + watch->times.quiet, watch->first_change + watch->times.max_quiet));
}

void watch_look_after(Watch *watch, guint64 usec) {
    set_timer(watch, get_now(watch) + usec);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
    Watch *watch = userdata;

    watch->first_change = 0;
    watch->changed(watch->userdata);
    return 0;
}

/* -- listening ---------------------------------------------------------------------------- */

static gboolean concerns(const WatchPlan *plan, int wd, const char *name) {
    return wd == MOUNT_WD ? watch_plan_concerns_mount(plan, name)
                          : watch_plan_concerns(plan, wd, name);
}

static void keep_event(Watch *watch, int wd, const char *name) {
    WatchEvent *kept;

    if (watch->kept->len >= MAX_KEPT) {
        tell_later(watch);
        return;
    }
    kept = g_malloc(sizeof *kept + strlen(name) + 1);
    kept->wd = wd;
    memcpy(kept->name, name, strlen(name) + 1);
    g_ptr_array_add(watch->kept, kept);
}

static void take_change(Watch *watch, int wd, const char *name) {
    if (watch->plan && concerns(watch->plan, wd, name))
        tell_later(watch);
    else if (watch->is_planning)
        keep_event(watch, wd, name);
}

static void take_event(Watch *watch, const struct inotify_event *event) {
    const char *name = event->len > 0 ? event->name : "";

    if (event->mask & IN_Q_OVERFLOW)
        tell_later(watch);
    /* IN_IGNORED reports the end of a watch; its cause has had an event of its own */
    else if (!(event->mask & IN_IGNORED))
        take_change(watch, event->wd, name);
}

/* Reads one buffer in each turn of the loop. */
static int on_inotify(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    alignas(struct inotify_event) char buffer[16384];
    Watch *watch = userdata;
    ssize_t size = read(fd, buffer, sizeof buffer);

    for (const char *p = buffer; size > 0 && p < buffer + size;) {
        const struct inotify_event *event = (const struct inotify_event *)p;

        take_event(watch, event);
        p += sizeof *event + event->len;
    }
    return 0;
}

static void on_mount(const char *mount_point, gpointer userdata) {
    take_change(userdata, MOUNT_WD, mount_point);
}

/* A mount hides files and an unmount shows some, without an event of inotify. Hosts of containers
 * mount all the time, so only a mount on a way of the plan counts. */
static int on_mounts(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    Watch *watch = userdata;

    if (mounts_update(watch->mounts, on_mount, watch) < 0)
        tell_later(watch);
    return 0;
}

static int listen_to_mounts(Watch *watch) {
    if (mounts_new(&watch->mounts) < 0)
        return 0;
    return sd_event_add_io(
            watch->event, &watch->mounts_source, mounts_get_fd(watch->mounts), EPOLLPRI, on_mounts,
            watch);
}

static int listen_to_inotify(Watch *watch) {
    watch->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watch->inotify < 0) {
        watch->inotify = -errno;
        return 0;
    }
    return sd_event_add_io(
            watch->event, &watch->inotify_source, watch->inotify, EPOLLIN, on_inotify, watch);
}

int watch_new(
        sd_event *event, const WatchTimes *times, void (*changed)(gpointer userdata),
        gpointer userdata, Watch **ret) {
    g_autoptr(Watch) watch = g_new0(Watch, 1);
    int r;

    watch->event = sd_event_ref(event);
    watch->times = *times;
    watch->changed = changed;
    watch->userdata = userdata;
    watch->kept = g_ptr_array_new_with_free_func(g_free);
    watch->dropped = g_ptr_array_new_with_free_func((GDestroyNotify)watch_plan_free);

    r = listen_to_inotify(watch);
    if (r < 0)
        return r;
    r = listen_to_mounts(watch);
    if (r < 0)
        return r;
    r = sd_event_add_time(
            event, &watch->timer, CLOCK_MONOTONIC, 0, TIMER_ACCURACY_USEC, on_timer, watch);
    if (r < 0)
        return r;
    r = sd_event_source_set_enabled(watch->timer, SD_EVENT_OFF);
    if (r < 0)
        return r;

    *ret = g_steal_pointer(&watch);
    return 0;
}

void watch_free(Watch *watch) {
    if (!watch)
        return;

    watch_plan_free(watch->plan);
    g_ptr_array_unref(watch->kept);
    g_ptr_array_unref(watch->dropped);
    sd_event_source_unref(watch->timer);
    sd_event_source_unref(watch->inotify_source);
    sd_event_source_unref(watch->mounts_source);
    file_fd_close(watch->inotify);
    mounts_free(watch->mounts);
    sd_event_unref(watch->event);
    g_free(watch);
}

void watch_set_times(Watch *watch, const WatchTimes *times) {
    watch->times = *times;
}

/* -- plans -------------------------------------------------------------------------------- */

WatchPlan *watch_plan_new(Watch *watch, GHashTable *silent) {
    if (!watch)
        return watch_plan_new_for(-1, silent);
    watch->is_planning = TRUE;
    return watch_plan_new_for(watch->inotify, silent);
}

/* Ends the watches of FROM that TO does not have. */
static void remove_watches(const Watch *watch, const WatchPlan *from, const WatchPlan *to) {
    GHashTableIter iter;
    gpointer wd;

    if (!from)
        return;
    g_hash_table_iter_init(&iter, from->by_wd);
    while (g_hash_table_iter_next(&iter, &wd, NULL))
        if (!to || !watch_plan_has(to, GPOINTER_TO_INT(wd)))
            /* fails for one whose directory is gone */
            (void)inotify_rm_watch(watch->inotify, GPOINTER_TO_INT(wd));
}

static void end_planning(Watch *watch) {
    watch->is_planning = FALSE;
    for (guint i = 0; i < watch->dropped->len; i++)
        remove_watches(watch, watch->dropped->pdata[i], watch->plan);
    g_ptr_array_set_size(watch->dropped, 0);
    for (guint i = 0; i < watch->kept->len; i++) {
        const WatchEvent *event = watch->kept->pdata[i];

        take_change(watch, event->wd, event->name);
    }
    g_ptr_array_set_size(watch->kept, 0);
    if (watch->needs_rescan && !is_timer_set(watch))
        set_timer(watch, get_now(watch) + watch->times.rescan);
}

void watch_adopt(Watch *watch, WatchPlan *plan) {
    remove_watches(watch, watch->plan, plan);
    watch_plan_free(watch->plan);
    watch->plan = plan;
    watch->needs_rescan = plan->unwatched != NULL;
    end_planning(watch);
}

void watch_reject(Watch *watch, WatchPlan *plan) {
    remove_watches(watch, plan, watch->plan);
    watch_plan_free(plan);
    watch->needs_rescan = TRUE;
    end_planning(watch);
}

void watch_drop(Watch *watch, WatchPlan *plan) {
    g_ptr_array_add(watch->dropped, plan);
    /* the plan of a running scan may have added the same watches */
    if (!watch->is_planning)
        end_planning(watch);
}

char *watch_get_mounts_above(const Watch *watch, const char *path, char **ret_point) {
    if (watch->mounts)
        return mounts_get_above(watch->mounts, path, ret_point);
    *ret_point = g_strdup("/");
    return g_strdup("");
}
