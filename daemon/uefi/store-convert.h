/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "uefi/store.h"

/*
 * Moves the variables of one store into a store of another kind or size, with their attributes and
 * time stamps.
 */

/* Returns the bytes of a store like MODEL, a store of the new firmware, with the variables of FROM
 * in the place of its own. Leaves out those that the new firmware makes itself. Errors:
 * FIRMWARE_ERROR_NVRAM_MISMATCH, naming each variable that the new store cannot hold, or both
 * numbers if it cannot hold all of them; _IMAGE_UNUSABLE, a store is not sound. */
GBytes *store_convert(const Store *from, const Store *model, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
