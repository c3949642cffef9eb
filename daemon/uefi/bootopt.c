/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "uefi/bootopt.h"

#include <string.h>

#include "uefi/efi.h"

#define PREFIX "Boot"
#define LOAD_OPTION_ACTIVE 1
/* attributes, and the length of the path */
#define HEADER_SIZE 6

gboolean boot_entry_parse_name(const char *name, guint16 *ret_number) {
    guint number = 0;

    if (!g_str_has_prefix(name, PREFIX) || strlen(name) != strlen(PREFIX) + 4)
        return FALSE;
    for (const char *p = name + strlen(PREFIX); *p; p++) {
        if (!g_ascii_isxdigit(*p) || g_ascii_islower(*p))
            return FALSE;
        number = number << 4 | (guint)g_ascii_xdigit_value(*p);
    }
    *ret_number = (guint16)number;
    return TRUE;
}

gboolean boot_numbers_add(BootNumbers *numbers, guint16 number) {
    if (boot_numbers_has(numbers, number))
        return FALSE;
    numbers->bits[number / 32] |= 1u << number % 32;
    return TRUE;
}

gboolean boot_numbers_has(const BootNumbers *numbers, guint16 number) {
    return numbers->bits[number / 32] >> number % 32 & 1;
}

/* Returns the size in bytes with NUL, or 0 if there is no NUL. */
static gsize measure_title(const guint8 *title, gsize size) {
    for (gsize at = 0; at + 2 <= size; at += 2)
        if (efi_u16(title + at) == 0)
            return at + 2;
    return 0;
}

BootEntry *boot_entry_new(guint16 number, const guint8 *bytes, gsize size) {
    BootEntry *entry = g_new0(BootEntry, 1);
    const gsize title_size =
            size >= HEADER_SIZE ? measure_title(bytes + HEADER_SIZE, size - HEADER_SIZE) : 0;
    const gsize path = HEADER_SIZE + title_size;
    gsize path_size = 0;

    entry->number = number;
    entry->is_active = size >= 4 && (efi_u32(bytes) & LOAD_OPTION_ACTIVE);
    entry->title =
            title_size > 0 ? efi_text(bytes + HEADER_SIZE, title_size / 2 - 1) : g_strdup("");
    if (title_size > 0)
        path_size = MIN(efi_u16(bytes + 4), size - path);
    entry->path = device_path_to_text(
            path_size > 0 ? bytes + path : (const guint8 *)"", path_size, &entry->binding);
    return entry;
}

void boot_entry_free(BootEntry *entry) {
    if (!entry)
        return;
    g_free(entry->title);
    g_free(entry->path);
    g_free(entry);
}
