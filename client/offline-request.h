/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/request.h"

/* Reads a call's arguments and OPTIONS, an a{sv}, into a request. ARCHITECTURE and MACHINE may be
 * NULL. Error: FIRMWARE_ERROR_INVALID_ARGS. */
Request *offline_request_read(
        RequestCall call, const char *architecture, const char *machine, GVariant *options,
        GError **error) G_GNUC_WARN_UNUSED_RESULT;
