/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "uefi/devicepath.h"

/* A boot entry: EFI_LOAD_OPTION in the UEFI specification, section 3.1.3. */
typedef struct BootEntry {
    guint16 number; /* of Boot#### */
    char *title;
    gboolean is_active;
    char *path; /* the device path of the boot target, as text */
    DevicePathBinding binding;
} BootEntry;

/* Returns FALSE if NAME is not "Boot" and four upper-case hexadecimal digits. */
gboolean boot_entry_parse_name(const char *name, guint16 *ret_number) G_GNUC_WARN_UNUSED_RESULT;

/* A set of the numbers of boot entries; {} is empty. */
#define BOOT_MAX_ENTRIES 65536
typedef struct BootNumbers {
    guint32 bits[BOOT_MAX_ENTRIES / 32];
} BootNumbers;

/* Returns FALSE if NUMBER was in it. */
gboolean boot_numbers_add(BootNumbers *numbers, guint16 number);
gboolean boot_numbers_has(const BootNumbers *numbers, guint16 number);

/* Never returns NULL. Unreadable parts of a malformed entry are missing: no title, a path that is
 * "…". */
BootEntry *boot_entry_new(guint16 number, const guint8 *bytes, gsize size)
        G_GNUC_WARN_UNUSED_RESULT;
void boot_entry_free(BootEntry *entry);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BootEntry, boot_entry_free)
