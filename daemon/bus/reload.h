/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/state.h"

int bus_method_reload(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
GPtrArray *bus_reloads_new(void) G_GNUC_WARN_UNUSED_RESULT;
