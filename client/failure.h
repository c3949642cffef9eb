/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <systemd/sd-bus.h>

#include "error.h"
#include "options.h"

/* Failures as one line that names the next step. */

/* CLIENT_ERROR_UNREACHABLE: no bus, no service on it, or the connection broke. R is a negative
 * errno, or 0. */
void failure_set_unreachable(const Options *options, int r, GError **error);

/* The one of an error of the service's code (FIRMWARE_ERROR). */
ClientError failure_find_code(const GError *failure) G_GNUC_WARN_UNUSED_RESULT;

/* An error reply of the service. */
void failure_set_bus_error(
        const Options *options, const char *what, const sd_bus_error *bus_error, GError **error);
