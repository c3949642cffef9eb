/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/error.h"

#include "base/error.h"
#include "base/text.h"

int bus_error_set(sd_bus_error *ret_error, const GError *error) {
    g_autofree char *safe = NULL;

    g_assert(error->domain == FIRMWARE_ERROR);

    /* libsystemd drops a reply whose error it cannot send, and the caller would wait for it */
    safe = text_make_valid(error->message);
    g_debug("answered with %s: %s", firmware_error_name((FirmwareError)error->code), safe);
    return sd_bus_error_set(ret_error, firmware_error_name((FirmwareError)error->code), safe);
}
