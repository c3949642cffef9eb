/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <systemd/sd-bus.h>

/*
 * D-Bus messages as GVariants. A handle (type h) is the file descriptor itself: one that was read
 * belongs to its message; one that is appended is duplicated. Functions return 0 or a negative
 * errno.
 */

/* The whole body, as a tuple. */
int message_read(sd_bus_message *message, GVariant **ret) G_GNUC_WARN_UNUSED_RESULT;

/* The members of TUPLE, as the arguments of a call. */
int message_append(sd_bus_message *message, GVariant *tuple) G_GNUC_WARN_UNUSED_RESULT;
