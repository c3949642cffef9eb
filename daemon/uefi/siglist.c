/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "uefi/siglist.h"

static const struct {
    SiglistType type;
    EfiGuid guid;
} types[] = {
        /* a5c059a1-94e4-4aa7-87b5-ab155c2bf072 */
        {SIGLIST_X509,
         {{0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a, 0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0,
           0x72}}},
        /* c1c41626-504c-4092-aca9-41f936934328 */
        {SIGLIST_SHA256,
         {{0x26, 0x16, 0xc4, 0xc1, 0x4c, 0x50, 0x92, 0x40, 0xac, 0xa9, 0x41, 0xf9, 0x36, 0x93, 0x43,
           0x28}}},
        /* 452e8ced-dfff-4b8c-ae01-5118862e682c */
        {SIGLIST_EXTERNAL_MANAGEMENT,
         {{0xed, 0x8c, 0x2e, 0x45, 0xff, 0xdf, 0x8c, 0x4b, 0xae, 0x01, 0x51, 0x18, 0x86, 0x2e, 0x68,
           0x2c}}},
};

static SiglistType find_type(const guint8 *bytes) {
    const EfiGuid guid = efi_guid(bytes);

    for (gsize i = 0; i < G_N_ELEMENTS(types); i++)
        if (efi_guid_equal(&types[i].guid, &guid))
            return types[i].type;
    return SIGLIST_OTHER;
}

/* Returns the size of the list in BYTES, or 0 if it is malformed. */
static gsize visit_list(const guint8 *bytes, gsize size, SiglistFunc func, gpointer userdata) {
    gsize list_size, header_size, entry_size;
    SiglistType type;

    if (size < SIGLIST_HEADER_SIZE)
        return 0;
    type = find_type(bytes);
    list_size = efi_u32(bytes + 16);
    header_size = efi_u32(bytes + 20);
    entry_size = efi_u32(bytes + 24);
    if (list_size > size || list_size < SIGLIST_HEADER_SIZE ||
        header_size > list_size - SIGLIST_HEADER_SIZE || entry_size < sizeof(EfiGuid) ||
        (list_size - SIGLIST_HEADER_SIZE - header_size) % entry_size != 0 ||
        (type == SIGLIST_SHA256 && entry_size != SIGLIST_HASH_SIZE))
        return 0;

    for (gsize at = SIGLIST_HEADER_SIZE + header_size; at < list_size; at += entry_size) {
        const EfiGuid owner = efi_guid(bytes + at);

        func(type, &owner, bytes + at + sizeof owner, entry_size - sizeof owner, userdata);
    }
    return list_size;
}

gsize siglist_visit(const guint8 *bytes, gsize size, SiglistFunc func, gpointer userdata) {
    gsize at = 0;

    while (at < size) {
        const gsize list_size = visit_list(bytes + at, size - at, func, userdata);

        if (list_size == 0)
            break;
        at += list_size;
    }
    return at;
}
