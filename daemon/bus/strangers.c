/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/strangers.h"

typedef struct Sender {
    char *name;
    Pool waiting;
    gint64 reading; /* see waiting_may_read() */
} Sender;

struct Strangers {
    guint max_calls;
    gsize max_size;
    GHashTable *table; /* name -> Sender */
    guint n_calls;     /* of all senders */
    gsize size;        /* bytes of all calls */
};

static void sender_free(gpointer data) {
    Sender *sender = data;

    pool_clear(&sender->waiting);
    g_free(sender->name);
    g_free(sender);
}

Strangers *strangers_new(guint max_calls, gsize max_size) {
    Strangers *strangers = g_new0(Strangers, 1);

    strangers->max_calls = max_calls;
    strangers->max_size = max_size;
    strangers->table = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, sender_free);
    return strangers;
}

void strangers_free(Strangers *strangers) {
    g_hash_table_unref(strangers->table);
    g_free(strangers);
}

/* Returns the sender with the most calls, or bytes. */
static Sender *find_greatest(const Strangers *strangers, gboolean by_size) {
    Sender *greatest = NULL;
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, strangers->table);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        Sender *sender = value;
        const Pool *pool = &sender->waiting;

        if (!greatest ||
            (by_size ? pool->size > greatest->waiting.size
                     : pool->calls.length > greatest->waiting.calls.length))
            greatest = sender;
    }
    return greatest;
}

gboolean strangers_may_read(const Strangers *strangers, const char *sender) {
    const Sender *own = g_hash_table_lookup(strangers->table, sender);
    const guint n = own ? own->waiting.calls.length : 0;

    return (!own || waiting_may_read(own->reading)) &&
            (strangers->n_calls < strangers->max_calls ||
             n + 1 < find_greatest(strangers, FALSE)->waiting.calls.length);
}

static Sender *get_sender(Strangers *strangers, const char *name) {
    Sender *sender = g_hash_table_lookup(strangers->table, name);

    if (sender)
        return sender;
    sender = g_new0(Sender, 1);
    sender->name = g_strdup(name);
    g_hash_table_insert(strangers->table, sender->name, sender);
    return sender;
}

void strangers_charge(Strangers *strangers, const char *sender, gint64 since) {
    waiting_charge(&get_sender(strangers, sender)->reading, since);
}

static Waiting *take_last(Strangers *strangers, Sender *sender) {
    Waiting *waiting = pool_take(&sender->waiting, sender->waiting.calls.tail);

    strangers->n_calls--;
    strangers->size -= waiting->size;
    return waiting;
}

void strangers_add(Strangers *strangers, const char *sender, Waiting *waiting, GQueue *refused) {
    pool_push(&get_sender(strangers, sender)->waiting, waiting);
    strangers->n_calls++;
    strangers->size += waiting->size;
    while (strangers->n_calls > strangers->max_calls || strangers->size > strangers->max_size)
        g_queue_push_tail(
                refused,
                take_last(
                        strangers,
                        find_greatest(strangers, strangers->size > strangers->max_size)));
}

void strangers_take(Strangers *strangers, const char *sender, GQueue *calls) {
    Sender *own = g_hash_table_lookup(strangers->table, sender);

    if (!own)
        return;
    strangers->n_calls -= own->waiting.calls.length;
    strangers->size -= own->waiting.size;
    *calls = own->waiting.calls;
    g_queue_init(&own->waiting.calls);
    g_hash_table_remove(strangers->table, sender);
}
