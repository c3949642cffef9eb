/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * The basic types of all UEFI formats (UEFI specification, section 2.3.1): little-endian numbers
 * without alignment, GUIDs, text in UCS-2, EFI_TIME. Callers check bounds.
 */

guint16 efi_u16(const guint8 *bytes);
guint32 efi_u32(const guint8 *bytes);
guint64 efi_u64(const guint8 *bytes);
void efi_put_u16(guint8 *bytes, guint16 value);
void efi_put_u32(guint8 *bytes, guint32 value);
void efi_put_u64(guint8 *bytes, guint64 value);

/* In the stored form: the first three fields are little-endian. */
typedef struct EfiGuid {
    guint8 bytes[16];
} EfiGuid;

#define EFI_GUID_TEXT_SIZE 37

EfiGuid efi_guid(const guint8 *bytes);
gboolean efi_guid_equal(const EfiGuid *a, const EfiGuid *b);
/* Writes lower case, with hyphens and a NUL. */
void efi_guid_to_text(const EfiGuid *guid, char text[EFI_GUID_TEXT_SIZE]);
/* Returns FALSE if TEXT is not a GUID in that form; accepts upper case. */
gboolean efi_guid_parse(const char *text, EfiGuid *ret) G_GNUC_WARN_UNUSED_RESULT;

/* VendorGuid of the variables that UEFI itself defines, such as PK, KEK, BootOrder, Boot####. */
extern const EfiGuid efi_global_guid;
/* db, dbx */
extern const EfiGuid efi_image_security_guid;
/* edk2's SecureBootEnable */
extern const EfiGuid efi_secure_boot_enable_guid;

/* Returns N_UNITS units of UCS-2 as valid text for the bus; escapes units without a character as
 * \xNN. */
char *efi_text(const guint8 *units, gsize n_units) G_GNUC_WARN_UNUSED_RESULT;

#define EFI_TIME_SIZE 16

/* Returns "2010-01-01T00:00:00Z", or "" if all bytes are zero. */
char *efi_time_to_text(const guint8 *time) G_GNUC_WARN_UNUSED_RESULT;
