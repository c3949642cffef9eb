/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <unistd.h>

#include "bus-internal.h"
#include "error.h"

/* Reload, which is answered when its catalog is in force. */

/* Calls of Reload that wait for their catalog. */
#define MAX_RELOADS_PER_UID 16
#define MAX_RELOADS 256

typedef struct PendingReload {
    Bus *bus;
    sd_bus_message *message;
    uid_t uid;
} PendingReload;

static void pending_reload_free(PendingReload *reload) {
    sd_bus_message_unref(reload->message);
    g_free(reload);
}

static int get_sender_uid(sd_bus_message *message, uid_t *ret) {
    g_autoptr(sd_bus_creds) creds = NULL;
    int r;

    r = sd_bus_query_sender_creds(message, SD_BUS_CREDS_EUID, &creds);
    if (r < 0)
        return r;
    return sd_bus_creds_get_euid(creds, ret);
}

static gboolean authorise_reload(uid_t uid, GError **error) {
    if (uid == 0 || uid == geteuid())
        return TRUE;

    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_ACCESS_DENIED,
            "uid %u may not reload the descriptors", (unsigned)uid);
    return FALSE;
}

static gboolean admit_reload(const Bus *bus, uid_t uid, GError **error) {
    guint n_of_uid = 0;

    for (guint i = 0; i < bus->reloads->len; i++) {
        const PendingReload *reload = bus->reloads->pdata[i];
        n_of_uid += reload->uid == uid;
    }

    if (n_of_uid < MAX_RELOADS_PER_UID && bus->reloads->len < MAX_RELOADS)
        return TRUE;

    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_LIMITS_EXCEEDED,
            "Reload: %u calls wait already, %u of them of uid %u", bus->reloads->len, n_of_uid,
            (unsigned)uid);
    return FALSE;
}

static void on_reloaded(const GError *error, gpointer userdata) {
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
        g_info("Reload is done, but its reply cannot be sent: %s", g_strerror(-r));

    g_ptr_array_remove_fast(reload->bus->reloads, reload);
}

int bus_method_reload(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
    Bus *bus = userdata;
    g_autoptr(GError) error = NULL;
    PendingReload *reload;
    uid_t uid;
    int r;

    r = get_sender_uid(message, &uid);
    if (r < 0)
        return r;
    if (!authorise_reload(uid, &error) || !admit_reload(bus, uid, &error))
        return bus_error_set(ret_error, error);

    reload = g_new0(PendingReload, 1);
    reload->bus = bus;
    reload->message = sd_bus_message_ref(message);
    reload->uid = uid;
    g_ptr_array_add(bus->reloads, reload);

    r = manager_reload(bus->manager, on_reloaded, reload);
    if (r < 0) {
        g_ptr_array_remove_fast(bus->reloads, reload);
        return r;
    }
    return 1;
}

GPtrArray *bus_reloads_new(void) {
    return g_ptr_array_new_with_free_func((GDestroyNotify)pending_reload_free);
}
