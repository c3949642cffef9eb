/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/types.h>

#include "service/sd-cleanup.h"

/*
 * Maps each sender on the bus to its uid. The bus is queried asynchronously and once for each
 * unique name, which is never reused. During a synchronous call libsystemd would queue all arriving
 * messages in the process, without a limit.
 *
 * It has a connection of its own: the bus delivers in order, and dbus-broker queues up to 170 MiB
 * of one user's messages for the service, which takes many seconds to read. An answer on the same
 * connection would come after all of them, and dbus-daemon would drop it if its queue is full.
 */

typedef struct Senders Senders;

typedef struct SendersObserver {
    /* Reports the uid of a NAME that senders_find() did not know. */
    void (*known)(const char *name, uid_t uid, gpointer userdata);
    /* Reports that NAME has left the bus, or that its uid cannot be determined. */
    void (*gone)(const char *name, gpointer userdata);
    gpointer userdata;
} SendersObserver;

/* Returns 0 or a negative errno. */
int senders_new(sd_bus *connection, const SendersObserver *observer, Senders **ret);
void senders_free(Senders *senders);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Senders, senders_free)

/* Returns 1 and the uid of NAME, 0 if the bus has been queried, or a negative errno. */
int senders_find(Senders *senders, const char *name, uid_t *ret);
