/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/senders.h"

#include <errno.h>

/* A system bus has at most 2048 connections by default. NameOwnerChanged signals can be lost, so
 * the table is bounded without them. */
#define MAX_SENDERS 4096

/* Signals can be sent to any connection, so even this one's queue can be full: dbus-daemon drops
 * its own replies then, and dbus-broker delivers them late. A question is asked again, and more
 * patiently each time: a time limit below the delay would lose every reply. */
#define MIN_TIMEOUT_USEC (1 * G_USEC_PER_SEC)
#define MAX_TIMEOUT_USEC (64 * G_USEC_PER_SEC)

#define DRIVER "org.freedesktop.DBus"
#define DRIVER_PATH "/org/freedesktop/DBus"

typedef struct Sender {
    Senders *senders;
    char *name;
    uid_t uid;
    sd_bus_slot *question; /* NULL: UID is known */
    gint64 asked;          /* monotonic time of QUESTION */
    gint64 timeout;        /* of QUESTION */
    GList link;            /* in Senders.recent */
} Sender;

struct Senders {
    sd_bus *connection;
    SendersObserver observer;
    sd_bus_slot *name_owner_changed;
    GHashTable *table; /* name -> Sender */
    GQueue recent;     /* of Sender, most recently used first */
    gint64 timeout;    /* of the next question: twice the time that the last one took */
};

static void sender_free(gpointer data) {
    Sender *sender = data;

    g_queue_unlink(&sender->senders->recent, &sender->link);
    sd_bus_slot_unref(sender->question);
    g_free(sender->name);
    g_free(sender);
}

static void forget(Senders *senders, const char *name) {
    g_autofree char *copy = g_strdup(name); /* a copy, because NAME may belong to the sender */

    g_hash_table_remove(senders->table, copy);
    senders->observer.gone(copy, senders->observer.userdata);
}

static int ask(Sender *sender);

static int on_uid(sd_bus_message *answer, void *userdata, sd_bus_error *ret_error) {
    Sender *sender = userdata;
    Senders *senders = sender->senders;
    uint32_t uid;

    sender->question = sd_bus_slot_unref(sender->question);
    if (sd_bus_message_is_method_error(answer, SD_BUS_ERROR_NO_REPLY) ||
        sd_bus_message_is_method_error(answer, SD_BUS_ERROR_TIMEOUT)) {
        senders->timeout = CLAMP(2 * sender->timeout, senders->timeout, MAX_TIMEOUT_USEC);
        if (ask(sender) < 0)
            forget(senders, sender->name);
        return 0;
    }
    senders->timeout =
            CLAMP(2 * (g_get_monotonic_time() - sender->asked), MIN_TIMEOUT_USEC, MAX_TIMEOUT_USEC);
    if (sd_bus_message_is_method_error(answer, NULL) ||
        sd_bus_message_read(answer, "u", &uid) < 0) {
        forget(senders, sender->name);
    } else {
        sender->uid = uid;
        senders->observer.known(sender->name, sender->uid, senders->observer.userdata);
    }
    return 0;
}

static int ask(Sender *sender) {
    g_autoptr(sd_bus_message) question = NULL;
    sd_bus *connection = sender->senders->connection;
    int r;

    r = sd_bus_message_new_method_call(
            connection, &question, DRIVER, DRIVER_PATH, DRIVER, "GetConnectionUnixUser");
    if (r < 0)
        return r;
    r = sd_bus_message_append(question, "s", sender->name);
    if (r < 0)
        return r;
    sender->asked = g_get_monotonic_time();
    sender->timeout = sender->senders->timeout;
    r = sd_bus_call_async(
            connection, &sender->question, question, on_uid, sender, (uint64_t)sender->timeout);
    return MIN(r, 0);
}

static int on_name_owner_changed(sd_bus_message *signal, void *userdata, sd_bus_error *ret_error) {
    const char *name;

    if (sd_bus_message_read(signal, "s", &name) >= 0 && name[0] == ':')
        forget(userdata, name);
    return 0;
}

int senders_new(sd_bus *connection, const SendersObserver *observer, Senders **ret) {
    g_autoptr(Senders) senders = g_new0(Senders, 1);
    int r;

    senders->connection = connection;
    senders->observer = *observer;
    senders->timeout = MIN_TIMEOUT_USEC;
    senders->table = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, sender_free);
    r = sd_bus_add_match_async(
            connection, &senders->name_owner_changed,
            "type='signal',sender='" DRIVER "',path='" DRIVER_PATH "',interface='" DRIVER "',"
            "member='NameOwnerChanged',arg2=''",
            on_name_owner_changed, NULL, senders);
    if (r < 0)
        return r;

    *ret = g_steal_pointer(&senders);
    return 0;
}

void senders_free(Senders *senders) {
    if (!senders)
        return;

    sd_bus_slot_unref(senders->name_owner_changed);
    g_hash_table_unref(senders->table);
    g_free(senders);
}

int senders_find(Senders *senders, const char *name, uid_t *ret) {
    Sender *sender = g_hash_table_lookup(senders->table, name);
    const Sender *oldest;
    int r;

    if (sender) {
        g_queue_unlink(&senders->recent, &sender->link);
        g_queue_push_head_link(&senders->recent, &sender->link);
        if (sender->question)
            return 0;
        *ret = sender->uid;
        return 1;
    }

    if (senders->recent.length >= MAX_SENDERS) {
        oldest = senders->recent.tail->data;
        if (oldest->question)
            return -ENOBUFS;
        g_hash_table_remove(senders->table, oldest->name);
    }
    sender = g_new0(Sender, 1);
    sender->senders = senders;
    sender->name = g_strdup(name);
    sender->link.data = sender;
    g_queue_push_head_link(&senders->recent, &sender->link);
    g_hash_table_insert(senders->table, sender->name, sender);
    r = ask(sender);
    if (r < 0)
        g_hash_table_remove(senders->table, name);
    return r;
}
