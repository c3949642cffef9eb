/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/sd-cleanup.h"

#include <glib.h>

/*
 * May the sender of a message do this? Asked of polkit, without waiting. No polkit on the bus means
 * no.
 */

#define POLKIT_ACTION_MANAGE_OWN_VMS "org.vmfirmware1.manage-own-vms"
#define POLKIT_ACTION_MANAGE_ALL_VMS "org.vmfirmware1.manage-all-vms"
#define POLKIT_ACTION_RELOAD "org.vmfirmware1.reload"

/* DONE is called once, never before this returns, with ERROR NULL where the sender may. Errors:
 * FIRMWARE_ERROR_ACCESS_DENIED, FIRMWARE_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
 * FIRMWARE_ERROR_LIMITS_EXCEEDED (too many questions at once). Unreferencing *RET_SLOT before gives
 * the question up. Returns 0 or a negative errno; then DONE is not called. */
typedef void (*PolkitDone)(const GError *error, gpointer userdata);
int polkit_check(
        sd_bus_message *message, const char *action, PolkitDone done, gpointer userdata,
        sd_bus_slot **ret_slot);
