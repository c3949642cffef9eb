/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "uefi/efi.h"

#include <string.h>

#include "base/text.h"

const EfiGuid efi_global_guid = {
        {0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b,
         0x8c}};
const EfiGuid efi_image_security_guid = {
        {0xcb, 0xb2, 0x19, 0xd7, 0x3a, 0x3d, 0x96, 0x45, 0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65,
         0x6f}};
const EfiGuid efi_secure_boot_enable_guid = {
        {0xc7, 0x0b, 0xa3, 0xf0, 0x08, 0xaf, 0x56, 0x45, 0x99, 0xc4, 0x00, 0x10, 0x09, 0xc9, 0x3a,
         0x44}};

guint16 efi_u16(const guint8 *bytes) {
    guint16 value;

    memcpy(&value, bytes, sizeof value);
    return GUINT16_FROM_LE(value);
}

guint32 efi_u32(const guint8 *bytes) {
    guint32 value;

    memcpy(&value, bytes, sizeof value);
    return GUINT32_FROM_LE(value);
}

guint64 efi_u64(const guint8 *bytes) {
    guint64 value;

    memcpy(&value, bytes, sizeof value);
    return GUINT64_FROM_LE(value);
}

void efi_put_u16(guint8 *bytes, guint16 value) {
    value = GUINT16_TO_LE(value);
    memcpy(bytes, &value, sizeof value);
}

void efi_put_u32(guint8 *bytes, guint32 value) {
    value = GUINT32_TO_LE(value);
    memcpy(bytes, &value, sizeof value);
}

void efi_put_u64(guint8 *bytes, guint64 value) {
    value = GUINT64_TO_LE(value);
    memcpy(bytes, &value, sizeof value);
}

EfiGuid efi_guid(const guint8 *bytes) {
    EfiGuid guid;

    memcpy(guid.bytes, bytes, sizeof guid.bytes);
    return guid;
}

gboolean efi_guid_equal(const EfiGuid *a, const EfiGuid *b) {
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* Index of the stored byte for each byte of the text. */
static const guint8 guid_order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

static gboolean is_hyphen_before(guint i) {
    return i == 4 || i == 6 || i == 8 || i == 10;
}

void efi_guid_to_text(const EfiGuid *guid, char text[EFI_GUID_TEXT_SIZE]) {
    char *p = text;

    for (guint i = 0; i < 16; i++) {
        if (is_hyphen_before(i))
            *p++ = '-';
        (void)g_snprintf(p, 3, "%02x", guid->bytes[guid_order[i]]);
        p += 2;
    }
}

gboolean efi_guid_parse(const char *text, EfiGuid *ret) {
    EfiGuid guid;
    const char *p = text;

    for (guint i = 0; i < 16; i++) {
        if (is_hyphen_before(i) && *p++ != '-')
            return FALSE;
        if (!g_ascii_isxdigit(p[0]) || !g_ascii_isxdigit(p[1]))
            return FALSE;
        guid.bytes[guid_order[i]] =
                (guint8)(g_ascii_xdigit_value(p[0]) << 4 | g_ascii_xdigit_value(p[1]));
        p += 2;
    }
    if (*p != '\0')
        return FALSE;
    *ret = guid;
    return TRUE;
}

static gboolean is_pair(gunichar2 high, gunichar2 low) {
    return high >= 0xd800 && high < 0xdc00 && low >= 0xdc00 && low < 0xe000;
}

char *efi_text(const guint8 *units, gsize n_units) {
    g_autoptr(GString) text = g_string_sized_new(n_units);

    for (gsize i = 0; i < n_units; i++) {
        gunichar c = efi_u16(units + 2 * i);

        if (i + 1 < n_units && is_pair((gunichar2)c, efi_u16(units + 2 * i + 2))) {
            i++;
            c = 0x10000 + ((c & 0x3ff) << 10) + (efi_u16(units + 2 * i) & 0x3ffu);
        }
        /* half of a surrogate pair also gives three bytes; they are invalid UTF-8, so they are
         * escaped */
        g_string_append_unichar(text, c);
    }
    return text_make_valid(text->str);
}

char *efi_time_to_text(const guint8 *time) {
    static const guint8 zero[EFI_TIME_SIZE];

    if (memcmp(time, zero, sizeof zero) == 0)
        return g_strdup("");
    return g_strdup_printf(
            "%04u-%02u-%02uT%02u:%02u:%02uZ", efi_u16(time), time[2], time[3], time[4], time[5],
            time[6]);
}
