/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/sd-cleanup.h"

#include <glib.h>

/*
 * Authorises the sender of a message by polkit, asynchronously. Without polkit on the bus, the
 * answer is no.
 */

#define POLKIT_ACTION_MANAGE_OWN_VMS "org.vmfirmware1.manage-own-vms"
#define POLKIT_ACTION_MANAGE_ALL_VMS "org.vmfirmware1.manage-all-vms"
#define POLKIT_ACTION_RELOAD "org.vmfirmware1.reload"

/* DONE is called once, never before the function returns; ERROR is NULL if the sender is
 * authorised. Errors: FIRMWARE_ERROR_ACCESS_DENIED,
 * FIRMWARE_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, FIRMWARE_ERROR_LIMITS_EXCEEDED (too many
 * pending authorisations). Unreferencing *RET_SLOT cancels the question. Returns 0 or a negative
 * errno; then DONE is not called. */
typedef void (*PolkitDone)(const GError *error, gpointer userdata);
int polkit_check(
        sd_bus_message *message, const char *action, PolkitDone done, gpointer userdata,
        sd_bus_slot **ret_slot);
