/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/state.h"

/* Who calls, and may this caller have another unfinished call? FIRMWARE_ERROR_LIMITS_EXCEEDED at
 * once where not. */
int bus_get_sender_uid(sd_bus_message *message, uid_t *ret);
gboolean bus_admit(Bus *bus, uid_t uid, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void bus_release(Bus *bus, uid_t uid);
/* What is needed of a call to answer it later, without the descriptors that came with it: a caller
 * can send 16 with each, and a call that waits would hold them all. */
int bus_message_detach(sd_bus_message *message, sd_bus_message **ret);
/* ON_GONE is called when who sent MESSAGE has left the bus, and again and again as long as it returns
 * 0. *RET is the caller's even on failure. */
int bus_track_sender(
        sd_bus_message *message, sd_bus_track_handler_t on_gone, void *userdata,
        sd_bus_track **ret);
/* uid 0 and the service's own uid (on his own bus: the user) need not be asked about. */
gboolean bus_is_privileged(uid_t uid);
