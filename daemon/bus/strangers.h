/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/waiting.h"

/*
 * The waiting calls of senders whose uid the bus has not reported yet. Where no place is left, the
 * sender with the most calls, or the most bytes, gives way: none keeps the others out. A sender
 * stays until strangers_take().
 */

typedef struct Strangers Strangers;

Strangers *strangers_new(guint max_calls, gsize max_size) G_GNUC_WARN_UNUSED_RESULT;
void strangers_free(Strangers *strangers);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Strangers, strangers_free)

/* Returns FALSE if SENDER has used its share of time for reading, or a further call of it finds no
 * place whatever its size. */
gboolean strangers_may_read(const Strangers *strangers, const char *sender);
/* Charges SENDER for the time since SINCE. */
void strangers_charge(Strangers *strangers, const char *sender, gint64 since);

/* Adds WAITING. Appends the calls to REFUSED (of Waiting) that find no place any more, which can be
 * WAITING itself. */
void strangers_add(Strangers *strangers, const char *sender, Waiting *waiting, GQueue *refused);

/* Removes SENDER, and returns its calls in CALLS (of Waiting), which is empty. */
void strangers_take(Strangers *strangers, const char *sender, GQueue *calls);
