/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/catalog.h"

/*
 * What an administrator will search the journal for, with fields to search by: VMFIRMWARE_NAME,
 * VMFIRMWARE_PATH, VMFIRMWARE_GENERATION, VMFIRMWARE_VM_ID, VMFIRMWARE_VM_OWNER and a MESSAGE_ID of
 * log-ids.h. vmfirmwared(8) describes them.
 */

/* AFTER is in force, as number GENERATION; BEFORE was (NULL: nothing). Tells the problems that are
 * new. */
void log_catalog(const Catalog *before, const Catalog *after, guint64 generation);
