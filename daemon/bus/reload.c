/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/reload.h"

#include "bus/admission.h"
#include "bus/error.h"
#include "bus/state.h"
#include "base/error.h"
#include "service/polkit.h"

/* Reload, which is answered when its catalog is in force. */

typedef struct PendingReload {
    Bus *bus;
    sd_bus_message *message;
    sd_bus_track *track;
    sd_bus_slot *authorisation; /* while polkit is asked */
    uid_t uid;
} PendingReload;

static void pending_reload_free(gpointer data) {
    PendingReload *reload = data;

    bus_release(reload->bus, reload->uid);
    sd_bus_track_unref(reload->track);
    sd_bus_slot_unref(reload->authorisation);
    sd_bus_message_unref(reload->message);
    g_free(reload);
}

static void finish_reload(const GError *error, gpointer userdata) {
    PendingReload *reload = userdata;
    g_auto(sd_bus_error) bus_error = SD_BUS_ERROR_NULL;
    int r;

    if (error) {
        (void)bus_error_set(&bus_error, error);
        r = sd_bus_reply_method_error(reload->message, &bus_error);
    } else {
        r = sd_bus_reply_method_return(reload->message, NULL);
    }
    if (r < 0)
        g_debug("Reload is done, but its reply cannot be sent: %s", g_strerror(-r));

    g_ptr_array_remove_fast(reload->bus->reloads, reload);
}

static void begin_reload(const GError *refusal, gpointer userdata) {
    PendingReload *reload = userdata;
    g_autoptr(GError) error = NULL;
    int r;

    reload->authorisation = sd_bus_slot_unref(reload->authorisation);
    if (refusal) {
        finish_reload(refusal, reload);
        return;
    }
    r = live_catalog_reload(reload->bus->live, finish_reload, reload);
    if (r >= 0)
        return;
    error = g_error_new(
            FIRMWARE_ERROR, FIRMWARE_ERROR_IO, "cannot begin to read the descriptors: %s",
            g_strerror(-r));
    finish_reload(error, reload);
}

/* Nobody waits for this one any more. What has begun goes on. */
static int on_caller_gone(sd_bus_track *track, void *userdata) {
    PendingReload *reload = userdata;

    if (reload->authorisation)
        g_ptr_array_remove_fast(reload->bus->reloads, reload);
    return 1;
}

int bus_method_reload(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
    Bus *bus = userdata;
    g_autoptr(GError) error = NULL;
    PendingReload *reload;
    uid_t uid;
    int r;

    r = bus_get_sender_uid(message, &uid);
    if (r < 0)
        return r;
    if (!bus_admit(bus, uid, &error))
        return bus_error_set(ret_error, error);

    reload = g_new0(PendingReload, 1);
    reload->bus = bus;
    r = bus_message_detach(message, &reload->message);
    reload->uid = uid;
    g_ptr_array_add(bus->reloads, reload);
    if (r < 0) {
        g_ptr_array_remove_fast(bus->reloads, reload);
        return r;
    }

    if (bus_is_privileged(uid)) {
        begin_reload(NULL, reload);
        return 1;
    }
    r = bus_track_sender(message, on_caller_gone, reload, &reload->track);
    if (r >= 0)
        r = polkit_check(
                message, POLKIT_ACTION_RELOAD, begin_reload, reload, &reload->authorisation);
    if (r < 0) {
        g_ptr_array_remove_fast(bus->reloads, reload);
        return r;
    }
    return 1;
}

GPtrArray *bus_reloads_new(void) {
    return g_ptr_array_new_with_free_func(pending_reload_free);
}
