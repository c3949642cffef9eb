/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * The types that all UEFI formats are made of (UEFI specification, section 2.3.1): little-endian
 * numbers without alignment, GUIDs, text in UCS-2, EFI_TIME. Callers check bounds.
 */

guint16 efi_u16(const guint8 *bytes);
guint32 efi_u32(const guint8 *bytes);
guint64 efi_u64(const guint8 *bytes);

/* As it is stored: the first three fields are little-endian. */
typedef struct EfiGuid {
    guint8 bytes[16];
} EfiGuid;

#define EFI_GUID_TEXT_SIZE 37

EfiGuid efi_guid(const guint8 *bytes);
gboolean efi_guid_equal(const EfiGuid *a, const EfiGuid *b);
/* Lower case, with hyphens and a NUL. */
void efi_guid_to_text(const EfiGuid *guid, char text[EFI_GUID_TEXT_SIZE]);
/* FALSE: TEXT is no GUID in that form; upper case is accepted. */
gboolean efi_guid_parse(const char *text, EfiGuid *ret) G_GNUC_WARN_UNUSED_RESULT;

/* VendorGuid of the variables that UEFI itself defines: PK, KEK, BootOrder, Boot####. */
extern const EfiGuid efi_global_guid;
/* db, dbx */
extern const EfiGuid efi_image_security_guid;
/* edk2's SecureBootEnable */
extern const EfiGuid efi_secure_boot_enable_guid;

/* N_UNITS units of UCS-2 as text that is acceptable on a bus; units without a character are escaped
 * as \xNN. */
char *efi_text(const guint8 *units, gsize n_units) G_GNUC_WARN_UNUSED_RESULT;

#define EFI_TIME_SIZE 16

/* "2010-01-01T00:00:00Z"; "" where all bytes are zero. */
char *efi_time_to_text(const guint8 *time) G_GNUC_WARN_UNUSED_RESULT;
