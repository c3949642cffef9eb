/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/state.h"

/* The place of a call that is answered later. Places are limited for each uid and in total. */
typedef struct Place Place;

/* Takes a place for MESSAGE, which is being served. ON_GONE is called once when the sender leaves
 * the bus, and may free the place. Returns NULL with FIRMWARE_ERROR_LIMITS_EXCEEDED if no place is
 * left for BUS->caller. */
Place *bus_admit(
        Bus *bus, sd_bus_message *message, void (*on_gone)(gpointer userdata), gpointer userdata,
        GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Accepts NULL. */
void bus_place_free(Place *place);

/* Reports that SENDER has left the bus. */
void bus_places_leave(Bus *bus, const char *sender);

/* Returns TRUE for uid 0 and the service's own uid (on a user's bus: the user), which need no
 * authorisation by polkit. */
gboolean bus_is_privileged(uid_t uid);

/* Copies the parts of a call that a later answer needs, without its descriptors: a caller can send
 * 16 with each call, and a waiting call would hold them all. */
int bus_message_detach(sd_bus_message *message, sd_bus_message **ret);
