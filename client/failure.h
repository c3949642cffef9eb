/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <systemd/sd-bus.h>

#include "options.h"

/* What went wrong, in one line that says what to do next. */

/* No bus, no service on it, or no connection any more. R is a negative errno, or 0. */
void failure_set_unreachable(const Options *options, int r, GError **error);

/* The service's own word. */
void failure_set_bus_error(
        const Options *options, const char *what, const sd_bus_error *bus_error, GError **error);
