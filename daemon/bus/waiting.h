/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "service/sd-cleanup.h"

/* A call that waits until it is served. */
typedef struct Waiting {
    sd_bus_message *message;
    gsize size; /* approximate bytes of memory */
} Waiting;

Waiting *waiting_new(sd_bus_message *message, gsize size) G_GNUC_WARN_UNUSED_RESULT;
void waiting_free(Waiting *waiting);

/* Returns in *SIZE the approximate memory that MESSAGE needs, as far as LIMIT. Returns 1, 0 if
 * MESSAGE needs more, or a negative errno if its arguments cannot be read. */
int waiting_measure(sd_bus_message *message, gsize limit, gsize *size);

/* Calls of one sender or uid, in the order of their arrival. */
typedef struct Pool {
    GQueue calls; /* of Waiting */
    gsize size;
} Pool;

void pool_push(Pool *pool, Waiting *waiting);
Waiting *pool_take(Pool *pool, GList *link);
void pool_clear(Pool *pool);

/* libsystemd validates each string that it reads, which takes milliseconds for a long one. So the
 * time that one sender or uid uses for it is limited to a share, with a credit. UNTIL is the
 * monotonic time up to which it has used its share, at first 0. */
gboolean waiting_may_read(gint64 until);
/* Charges for the time since SINCE. */
void waiting_charge(gint64 *until, gint64 since);
