/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include "service/sd-cleanup.h"

/* The only conversion of a GError to a D-Bus error. Returns a negative errno. */
int bus_error_set(sd_bus_error *ret_error, const GError *error);
