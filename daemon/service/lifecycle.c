/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service/lifecycle.h"

#include <signal.h>
#include <systemd/sd-daemon.h>

/* Before sd-bus's own exit source closes the connection. */
#define EXIT_PRIORITY (SD_EVENT_PRIORITY_IMPORTANT)

struct Lifecycle {
    LiveCatalog *live;
    sd_event_source *hangup;
    sd_event_source *exit;
    guint n_reloads; /* by SIGHUP, in progress */
    gboolean is_ready;
};

static void on_reloaded(const GError *error, gpointer userdata) {
    Lifecycle *lifecycle = userdata;

    /* a failure is logged already, and the old catalog stays */
    lifecycle->n_reloads--;
    if (lifecycle->n_reloads == 0 && lifecycle->is_ready)
        (void)sd_notify(FALSE, "READY=1");
}

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
    Lifecycle *lifecycle = userdata;
    int r;

    r = live_catalog_reload(lifecycle->live, on_reloaded, lifecycle);
    if (r < 0) {
        g_warning("cannot begin to read the descriptors: %s", g_strerror(-r));
        return 0;
    }
    lifecycle->n_reloads++;
    /* the time relates the reload to the signal: sd_notify(3) */
    if (lifecycle->is_ready)
        (void)sd_notifyf(
                FALSE, "RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT, g_get_monotonic_time());
    return 0;
}

static int on_exit_begun(sd_event_source *source, void *userdata) {
    (void)sd_notify(FALSE, "STOPPING=1");
    return 0;
}

int lifecycle_new(sd_event *event, LiveCatalog *live, Lifecycle **ret) {
    g_autoptr(Lifecycle) lifecycle = g_new0(Lifecycle, 1);
    int r;

    lifecycle->live = live;
    r = sd_event_set_watchdog(event, TRUE);
    if (r < 0)
        return r;
    r = sd_event_add_signal(
            event, &lifecycle->hangup, SIGHUP | SD_EVENT_SIGNAL_PROCMASK, on_hangup, lifecycle);
    if (r < 0)
        return r;
    r = sd_event_add_exit(event, &lifecycle->exit, on_exit_begun, lifecycle);
    if (r < 0)
        return r;
    r = sd_event_source_set_priority(lifecycle->exit, EXIT_PRIORITY);
    if (r < 0)
        return r;

    *ret = g_steal_pointer(&lifecycle);
    return 0;
}

void lifecycle_free(Lifecycle *lifecycle) {
    if (!lifecycle)
        return;

    sd_event_source_unref(lifecycle->exit);
    sd_event_source_unref(lifecycle->hangup);
    g_free(lifecycle);
}

void lifecycle_set_ready(Lifecycle *lifecycle) {
    lifecycle->is_ready = TRUE;
    (void)sd_notify(FALSE, "READY=1");
}
