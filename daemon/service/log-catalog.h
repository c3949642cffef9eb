/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/catalog.h"

/*
 * Log messages for administrators, with journal fields to search by: VMFIRMWARE_NAME,
 * VMFIRMWARE_PATH, VMFIRMWARE_GENERATION, VMFIRMWARE_VM_ID, VMFIRMWARE_VM_OWNER and a MESSAGE_ID of
 * log-ids.h. vmfirmwared(8) describes them.
 */

/* Logs that AFTER replaces BEFORE (NULL: none) as number GENERATION, with the new problems. */
void log_catalog(const Catalog *before, const Catalog *after, guint64 generation);
