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
