/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/place.h"

#include <unistd.h>

#include "base/error.h"

/* One part in this many of all places is reserved for uid 0. */
#define RESERVED_PART 16

struct Place {
    Bus *bus;
    uid_t uid;
    char *sender;
    void (*on_gone)(gpointer userdata);
    gpointer userdata;
};

gboolean bus_is_privileged(uid_t uid) {
    return uid == 0 || uid == geteuid();
}

Place *bus_admit(
        Bus *bus, sd_bus_message *message, void (*on_gone)(gpointer userdata), gpointer userdata,
        GError **error) {
    const ConfigLimits *limits = &live_catalog_get_config(bus->live)->limits;
    uid_t uid = bus->caller;
    /* uid 0 calls for many users, so it has no limit of its own, and has reserved places */
    guint64 max = uid == 0 ? limits->calls : limits->calls - limits->calls / RESERVED_PART;
    Place *place;
    guint n = 0;

    for (guint i = 0; i < bus->places->len; i++)
        n += ((const Place *)bus->places->pdata[i])->uid == uid;
    if (bus->places->len >= max || (n >= limits->calls_per_user && uid != 0)) {
        bus->n_refused++;
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_LIMITS_EXCEEDED,
                "%u calls are not finished yet, %u of them of uid %u; Calls= allows %u, and "
                "CallsPerUser= %u of one user",
                bus->places->len, n, (unsigned)uid, (unsigned)limits->calls,
                (unsigned)limits->calls_per_user);
        return NULL;
    }

    place = g_new(Place, 1);
    *place = (Place){
            .bus = bus,
            .uid = uid,
            .sender = g_strdup(sd_bus_message_get_sender(message)),
            .on_gone = on_gone,
            .userdata = userdata,
    };
    g_ptr_array_add(bus->places, place);
    return place;
}

void bus_place_free(Place *place) {
    if (!place)
        return;

    (void)g_ptr_array_remove_fast(place->bus->places, place);
    g_free(place->sender);
    g_free(place);
}

void bus_places_leave(Bus *bus, const char *sender) {
    /* backwards: a place may free itself, and the last one takes its index */
    for (guint i = bus->places->len; i > 0; i--) {
        const Place *place = bus->places->pdata[i - 1];

        if (g_str_equal(place->sender, sender))
            place->on_gone(place->userdata);
    }
}

int bus_message_detach(sd_bus_message *message, sd_bus_message **ret) {
    g_autoptr(sd_bus_message) copy = NULL;
    uint64_t cookie;
    int r;

    r = sd_bus_message_new_method_call(
            sd_bus_message_get_bus(message), &copy, sd_bus_message_get_destination(message),
            sd_bus_message_get_path(message), sd_bus_message_get_interface(message),
            sd_bus_message_get_member(message));
    if (r < 0)
        return r;
    r = sd_bus_message_set_sender(copy, sd_bus_message_get_sender(message));
    if (r < 0)
        return r;
    r = sd_bus_message_set_expect_reply(copy, sd_bus_message_get_expect_reply(message));
    if (r < 0)
        return r;
    r = sd_bus_message_set_allow_interactive_authorization(
            copy, sd_bus_message_get_allow_interactive_authorization(message));
    if (r < 0)
        return r;
    r = sd_bus_message_get_cookie(message, &cookie);
    if (r < 0)
        return r;
    r = sd_bus_message_seal(copy, cookie, 0);
    if (r < 0)
        return r;

    *ret = g_steal_pointer(&copy);
    return 0;
}
