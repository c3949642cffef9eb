/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "uefi/guid-table.h"

#include "uefi/efi.h"

#define MAX_SIZE 4096

/* the reset vector, behind the table */
#define TAIL_SIZE 32

/* An entry is data, its length with these two, and its GUID: the table is read backwards. */
#define GUID_SIZE 16
#define LENGTH_SIZE 2
#define ENTRY_SIZE (LENGTH_SIZE + GUID_SIZE)

/* 96b582de-1fb2-45f7-baea-a366c55a082d; its length is that of the whole table */
static const EfiGuid footer_guid = {
        {0xde, 0x82, 0xb5, 0x96, 0xb2, 0x1f, 0xf7, 0x45, 0xba, 0xea, 0xa3, 0x66, 0xc5, 0x5a, 0x08,
         0x2d}};

static const struct {
    EfiGuid guid;
    GuidTableEntry entry;
} entries[] = {
        /* OvmfSevMetadataGuid, dc886566-984a-4798-a75e-5585a7bf67cc */
        {{{0x66, 0x65, 0x88, 0xdc, 0x4a, 0x98, 0x98, 0x47, 0xa7, 0x5e, 0x55, 0x85, 0xa7, 0xbf, 0x67,
           0xcc}},
         GUID_TABLE_SEV_METADATA},
        /* TdxMetadataGuid, e47a6535-984a-4798-865e-4685a7bf8ec2 */
        {{{0x35, 0x65, 0x7a, 0xe4, 0x4a, 0x98, 0x98, 0x47, 0x86, 0x5e, 0x46, 0x85, 0xa7, 0xbf, 0x8e,
           0xc2}},
         GUID_TABLE_TDX_METADATA},
};

static guint find_entry(const EfiGuid *guid) {
    for (guint i = 0; i < G_N_ELEMENTS(entries); i++)
        if (efi_guid_equal(guid, &entries[i].guid))
            return entries[i].entry;
    return 0;
}

/* END is that of the entry before the footer, LEFT the table's bytes before it. */
static guint read_entries(const guint8 *end, gsize left) {
    guint found = 0;

    while (left >= ENTRY_SIZE) {
        const EfiGuid guid = efi_guid(end - GUID_SIZE);
        const gsize length = efi_u16(end - ENTRY_SIZE);

        if (length < ENTRY_SIZE || length > left)
            break;
        found |= find_entry(&guid);
        end -= length;
        left -= length;
    }
    return found;
}

int guid_table_read(int fd, guint64 size, ContentRead read, guint *ret) {
    const gsize n = (gsize)MIN(size, MAX_SIZE);
    guint8 bytes[MAX_SIZE];
    const guint8 *footer;
    EfiGuid guid;
    gsize length;
    int r = read(fd, size - n, bytes, n);

    *ret = 0;
    if (r < 0 || n < TAIL_SIZE + ENTRY_SIZE)
        return r;
    footer = bytes + n - TAIL_SIZE - ENTRY_SIZE;
    guid = efi_guid(footer + LENGTH_SIZE);
    length = efi_u16(footer);
    if (efi_guid_equal(&guid, &footer_guid) && length >= ENTRY_SIZE &&
        length - ENTRY_SIZE <= (gsize)(footer - bytes))
        *ret = read_entries(footer, length - ENTRY_SIZE);
    return 0;
}
