/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "uefi/content.h"

/*
 * The table of GUIDs at the end of OVMF's code (OvmfPkg/ResetVector/Ia16/ResetVectorVtf0.asm in
 * edk2), by which QEMU finds the parts of the firmware that it needs for a confidential guest.
 */

typedef enum GuidTableEntry {
    GUID_TABLE_SEV_METADATA = 1 << 0, /* which SEV-SNP needs */
    GUID_TABLE_TDX_METADATA = 1 << 1,
} GuidTableEntry;

/* Reads the table of an image of SIZE bytes, which are at most 4 KiB. *RET has the entries that are
 * there, 0 if there is no table. Returns 0 or an error of READ. */
int guid_table_read(int fd, guint64 size, ContentRead read, guint *ret) G_GNUC_WARN_UNUSED_RESULT;
