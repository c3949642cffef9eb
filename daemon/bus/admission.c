/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/admission.h"

#include <unistd.h>

#include "bus/state.h"
#include "base/error.h"

/* Calls that take time: each holds its message, and whatever came with it. */

int bus_get_sender_uid(sd_bus_message *message, uid_t *ret) {
    g_autoptr(sd_bus_creds) creds = NULL;
    int r;

    r = sd_bus_query_sender_creds(message, SD_BUS_CREDS_EUID, &creds);
    if (r < 0)
        return r;
    return sd_bus_creds_get_euid(creds, ret);
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

int bus_track_sender(
        sd_bus_message *message, sd_bus_track_handler_t on_gone, void *userdata,
        sd_bus_track **ret) {
    int r;

    r = sd_bus_track_new(sd_bus_message_get_bus(message), ret, on_gone, userdata);
    if (r < 0)
        return r;
    return sd_bus_track_add_sender(*ret, message);
}

gboolean bus_is_privileged(uid_t uid) {
    return uid == 0 || uid == geteuid();
}

gboolean bus_admit(Bus *bus, uid_t uid, GError **error) {
    const ConfigLimits *limits = &live_catalog_get_config(bus->live)->limits;
    guint n = GPOINTER_TO_UINT(g_hash_table_lookup(bus->unfinished, GUINT_TO_POINTER(uid)));

    /* uid 0 acts for many */
    if (bus->n_unfinished >= limits->calls || (n >= limits->calls_per_user && uid != 0)) {
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_LIMITS_EXCEEDED,
                "%u calls are not finished yet, %u of them of uid %u", bus->n_unfinished, n,
                (unsigned)uid);
        return FALSE;
    }

    g_hash_table_insert(bus->unfinished, GUINT_TO_POINTER(uid), GUINT_TO_POINTER(n + 1));
    bus->n_unfinished++;
    return TRUE;
}

void bus_release(Bus *bus, uid_t uid) {
    guint n = GPOINTER_TO_UINT(g_hash_table_lookup(bus->unfinished, GUINT_TO_POINTER(uid)));

    g_assert(n > 0);
    bus->n_unfinished--;
    if (n > 1)
        g_hash_table_insert(bus->unfinished, GUINT_TO_POINTER(uid), GUINT_TO_POINTER(n - 1));
    else
        g_hash_table_remove(bus->unfinished, GUINT_TO_POINTER(uid));
}
