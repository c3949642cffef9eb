/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/request.h"
#include "service/sd-cleanup.h"

/* Reads "ss" and a{sv} of requirements; a wrong question sets RET_ERROR. */
int bus_read_request(
        sd_bus_message *message, RequestCall call, Request **ret, sd_bus_error *ret_error);
/* The a{sv} alone. */
int bus_read_options(sd_bus_message *message, Request *request, sd_bus_error *ret_error);
/* The h that NAME stands for. It lives as long as the message. */
int bus_read_fd(sd_bus_message *message, const char *name, int *ret, sd_bus_error *ret_error);
