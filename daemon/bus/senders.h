/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/types.h>

#include "service/sd-cleanup.h"

/*
 * Which uid each sender on the bus has. The bus is asked once for each unique name, asynchronously:
 * a unique name is never used twice. While libsystemd waits for the reply to a synchronous call, it
 * takes everything that arrives into a queue of the process, without a limit.
 */

typedef struct Senders Senders;

typedef struct SendersObserver {
    /* The answer for a NAME that senders_find() did not know. */
    void (*known)(const char *name, uid_t uid, gpointer userdata);
    /* NAME has left the bus, or its uid cannot be determined. */
    void (*gone)(const char *name, gpointer userdata);
    gpointer userdata;
} SendersObserver;

/* Returns 0 or a negative errno. */
int senders_new(sd_bus *connection, const SendersObserver *observer, Senders **ret);
void senders_free(Senders *senders);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Senders, senders_free)

/* Returns 1 and the uid of NAME, 0 if the bus is asked for it, or a negative errno. */
int senders_find(Senders *senders, const char *name, uid_t *ret);
