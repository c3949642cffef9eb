/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/waiting.h"

#include <string.h>

/* Cost of a message's element in addition to the bytes of a string: an element costs libsystemd
 * more time than memory. */
#define ELEMENT_SIZE 1024

/* The share of time for reading, as a divisor, and the microseconds that may be used ahead. */
#define READING_SHARE 10
#define READING_CREDIT_USEC (1 * G_USEC_PER_SEC)

Waiting *waiting_new(sd_bus_message *message, gsize size) {
    Waiting *waiting = g_new(Waiting, 1);

    *waiting = (Waiting){.message = sd_bus_message_ref(message), .size = size};
    return waiting;
}

void waiting_free(Waiting *waiting) {
    sd_bus_message_unref(waiting->message);
    g_free(waiting);
}

/* libsystemd does not report the size of a message. */
int waiting_measure(sd_bus_message *message, gsize limit, gsize *size) {
    const char *contents;
    const char *string;
    const void *numbers;
    size_t n_bytes;
    char type;
    int r;

    while ((r = sd_bus_message_peek_type(message, &type, &contents)) > 0) {
        *size += ELEMENT_SIZE;
        if (contents && type == SD_BUS_TYPE_ARRAY && strchr("ynqiuxtd", contents[0])) {
            /* numbers, which libsystemd does not visit one by one */
            r = sd_bus_message_read_array(message, contents[0], &numbers, &n_bytes);
            if (r >= 0)
                *size += n_bytes;
        } else if (contents) {
            r = sd_bus_message_enter_container(message, type, contents);
            if (r < 0)
                return r;
            r = waiting_measure(message, limit, size);
            if (r <= 0)
                return r;
            r = sd_bus_message_exit_container(message);
        } else if (strchr("sog", type)) {
            r = sd_bus_message_read_basic(message, type, &string);
            if (r >= 0)
                *size += strlen(string);
        } else {
            r = sd_bus_message_skip(message, (const char[]){type, '\0'});
        }
        if (r < 0)
            return r;
        if (*size > limit)
            return 0;
    }
    return r < 0 ? r : 1;
}

void pool_push(Pool *pool, Waiting *waiting) {
    g_queue_push_tail(&pool->calls, waiting);
    pool->size += waiting->size;
}

Waiting *pool_take(Pool *pool, GList *link) {
    Waiting *waiting = link->data;

    g_queue_delete_link(&pool->calls, link);
    pool->size -= waiting->size;
    return waiting;
}

void pool_clear(Pool *pool) {
    g_queue_clear_full(&pool->calls, (GDestroyNotify)waiting_free);
}

gboolean waiting_may_read(gint64 until) {
    return until - g_get_monotonic_time() < READING_CREDIT_USEC;
}

void waiting_charge(gint64 *until, gint64 since) {
    const gint64 now = g_get_monotonic_time();

    *until = MAX(*until, now) + (now - since) * READING_SHARE;
}
