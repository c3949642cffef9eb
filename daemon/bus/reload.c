/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/reload.h"

#include "bus/error.h"
#include "bus/place.h"
#include "bus/state.h"
#include "base/error.h"
#include "service/polkit.h"

/* Reload is answered when its catalog is in force. */

typedef struct PendingReload {
    Bus *bus;
    sd_bus_message *message; /* NULL: its sender has left the bus */
    Place *place;
    sd_bus_slot *authorisation; /* during polkit's authorisation */
} PendingReload;

static void pending_reload_free(gpointer data) {
    PendingReload *reload = data;

    bus_place_free(reload->place);
    sd_bus_slot_unref(reload->authorisation);
    sd_bus_message_unref(reload->message);
    g_free(reload);
}

static int reply(const PendingReload *reload, const GError *error) {
    g_auto(sd_bus_error) bus_error = SD_BUS_ERROR_NULL;

    if (!error)
        return sd_bus_reply_method_return(reload->message, NULL);
    (void)bus_error_set(&bus_error, error);
    return sd_bus_reply_method_error(reload->message, &bus_error);
}

static void finish_reload(const GError *error, gpointer userdata) {
    PendingReload *reload = userdata;
    int r = reload->message ? reply(reload, error) : 0;

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

/* A build that has begun continues without a place, because it may wait for a disk. */
static void on_caller_gone(gpointer userdata) {
    PendingReload *reload = userdata;

    if (reload->authorisation) {
        g_ptr_array_remove_fast(reload->bus->reloads, reload);
        return;
    }
    reload->message = sd_bus_message_unref(reload->message);
    g_clear_pointer(&reload->place, bus_place_free);
}

int bus_method_reload(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
    Bus *bus = userdata;
    g_autoptr(GError) error = NULL;
    PendingReload *reload = g_new0(PendingReload, 1);
    int r;

    g_ptr_array_add(bus->reloads, reload);
    reload->bus = bus;
    reload->place = bus_admit(bus, message, on_caller_gone, reload, &error);
    if (!reload->place) {
        g_ptr_array_remove_fast(bus->reloads, reload);
        return bus_error_set(ret_error, error);
    }

    r = bus_message_detach(message, &reload->message);
    if (r >= 0 && bus_is_privileged(bus->caller)) {
        begin_reload(NULL, reload);
        return 1;
    }
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
