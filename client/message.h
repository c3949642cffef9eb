/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <systemd/sd-bus.h>

/*
 * D-Bus messages as GVariants. A handle (type h) is the file descriptor itself: the message owns
 * one that was read, and duplicates one that is appended. Functions return 0 or a negative errno.
 */

/* Reads the whole body, as a tuple. */
int message_read(sd_bus_message *message, GVariant **ret) G_GNUC_WARN_UNUSED_RESULT;

/* Appends the members of TUPLE. */
int message_append(sd_bus_message *message, GVariant *tuple) G_GNUC_WARN_UNUSED_RESULT;
