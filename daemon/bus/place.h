/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/state.h"

/* The place of a call that is answered later: a limited number for each uid, and for all. */
typedef struct Place Place;

/* For MESSAGE, which is being served. ON_GONE is called once when its sender leaves the bus, and
 * may free the place. FIRMWARE_ERROR_LIMITS_EXCEEDED where there is none left for BUS->caller. */
Place *bus_admit(
        Bus *bus, sd_bus_message *message, void (*on_gone)(gpointer userdata), gpointer userdata,
        GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* NULL is fine. */
void bus_place_free(Place *place);

/* SENDER has left the bus. */
void bus_places_leave(Bus *bus, const char *sender);

/* uid 0 and the service's own uid (on his own bus: the user) need not be asked about. */
gboolean bus_is_privileged(uid_t uid);

/* What is needed of a call to answer it later, without the descriptors that came with it: a caller
 * can send 16 with each, and a call that waits would hold them all. */
int bus_message_detach(sd_bus_message *message, sd_bus_message **ret);
