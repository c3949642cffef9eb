/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/request.h"
#include "service/sd-cleanup.h"

/* Reads "ss" and the a{sv} of requirements. Sets RET_ERROR for an invalid request. */
int bus_read_request(
        sd_bus_message *message, RequestCall call, Request **ret, sd_bus_error *ret_error);
/* Reads the a{sv} alone. */
int bus_read_options(sd_bus_message *message, Request *request, sd_bus_error *ret_error);
/* Reads an h; NAME is the argument's name for errors. The message owns the descriptor. */
int bus_read_fd(sd_bus_message *message, const char *name, int *ret, sd_bus_error *ret_error);

/* A NULL-terminated list, with room for one string more than the limit. */
typedef const char *BusStrings[REQUEST_MAX_STRINGS + 2];
/* Reads an as, whose strings the message owns. Returns a positive number; or 0 if the list has more
 * strings than STRINGS can hold, and then leaves MESSAGE inside the list. */
int bus_read_strings(sd_bus_message *message, BusStrings strings);
