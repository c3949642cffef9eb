/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "uefi/volume.h"

#include <string.h>

#include "uefi/efi.h"

/* OvmfPkg/Include/Fdf/VarStore.fdf.inc and ArmVirtPkg/VarStore.fdf.inc in edk2; RISC-V and
 * LoongArch use ArmVirt's layout. */
const VolumeLayout volume_layouts[VOLUME_N_LAYOUTS] = {
        {0x20000, 0xe000, 0xf000, 0x1000, 0x10000, 0x10000, 0x1000, 0x2000, 0x2800},
        {0x84000, 0x40000, 0x41000, 0x1000, 0x42000, 0x42000, 0x1000, 0x8400, 0x8400},
        {0xc0000, 0x40000, 0x40000, 0x40000, 0x80000, 0x40000, 0x40000, 0x2000, 0x2800},
};

/* EFI_FIRMWARE_VOLUME_HEADER */
#define OFFSET_GUID 16
#define OFFSET_LENGTH 32
#define OFFSET_SIGNATURE 40
#define OFFSET_HEADER_LENGTH 48
#define OFFSET_CHECKSUM 50
#define OFFSET_REVISION 55
#define SIGNATURE "_FVH"
#define REVISION 2

/* EFI_SYSTEM_NV_DATA_FV_GUID, fff12b8d-7696-4c8b-a985-2747075b4f50 */
static const EfiGuid volume_guid = {
        {0x8d, 0x2b, 0xf1, 0xff, 0x96, 0x76, 0x8b, 0x4c, 0xa9, 0x85, 0x27, 0x47, 0x07, 0x5b, 0x4f,
         0x50}};
/* gEfiAuthenticatedVariableGuid, aaf32c78-947b-439a-a180-2e144ec37792 */
static const EfiGuid authenticated_guid = {
        {0x78, 0x2c, 0xf3, 0xaa, 0x7b, 0x94, 0x9a, 0x43, 0xa1, 0x80, 0x2e, 0x14, 0x4e, 0xc3, 0x77,
         0x92}};
/* gEfiVariableGuid, ddcf3616-3275-4164-98b6-fe85707ffe7d */
static const EfiGuid plain_guid = {
        {0x16, 0x36, 0xcf, 0xdd, 0x75, 0x32, 0x64, 0x41, 0x98, 0xb6, 0xfe, 0x85, 0x70, 0x7f, 0xfe,
         0x7d}};

/* VARIABLE_STORE_HEADER */
#define STORE_HEADER_SIZE 28
#define STORE_FORMATTED 0x5a
#define STORE_HEALTHY 0xfe

const VolumeLayout *volume_find_layout(guint64 length) {
    for (guint i = 0; i < VOLUME_N_LAYOUTS; i++)
        if (volume_layouts[i].length == length)
            return &volume_layouts[i];
    return NULL;
}

guint64 volume_length_for_code(guint64 code_size) {
    /* FD_SIZE_1MB, FD_SIZE_2MB and FD_SIZE_4MB without the variables */
    if (code_size == 0x100000 - 0x20000 || code_size == 0x200000 - 0x20000)
        return 0x20000;
    return code_size == 0x400000 - 0x84000 ? 0x84000 : 0;
}

gboolean volume_has_signature(const guint8 *volume) {
    return memcmp(volume + OFFSET_SIGNATURE, SIGNATURE, strlen(SIGNATURE)) == 0;
}

gboolean volume_is_of_variables(const guint8 *volume) {
    const EfiGuid guid = efi_guid(volume + OFFSET_GUID);

    return efi_guid_equal(&guid, &volume_guid);
}

guint64 volume_get_length(const guint8 *volume) {
    return efi_u64(volume + OFFSET_LENGTH);
}

const VolumeLayout *volume_get_layout(const guint8 *volume, gsize size) {
    return size >= VOLUME_HEADER_SIZE && volume_has_signature(volume)
            ? volume_find_layout(volume_get_length(volume))
            : NULL;
}

/* All 16-bit words of the header add up to 0. */
static guint16 add_words(const guint8 *volume) {
    guint16 sum = 0;

    for (gsize i = 0; i < VOLUME_HEADER_SIZE; i += 2)
        sum = (guint16)(sum + efi_u16(volume + i));
    return sum;
}

char *volume_check_header(const guint8 *volume, gsize size) {
    if (size < VOLUME_HEADER_SIZE || !volume_has_signature(volume))
        return g_strdup_printf("byte %u: no firmware volume", OFFSET_SIGNATURE);
    if (!volume_is_of_variables(volume))
        return g_strdup_printf("byte %u: the volume is not one of variables", OFFSET_GUID);
    if (!volume_get_layout(volume, size))
        return g_strdup_printf(
                "byte %u: no firmware has a volume of %" G_GUINT64_FORMAT " bytes", OFFSET_LENGTH,
                volume_get_length(volume));
    if (efi_u16(volume + OFFSET_HEADER_LENGTH) != VOLUME_HEADER_SIZE)
        return g_strdup_printf(
                "byte %u: the volume header is said to have %u bytes", OFFSET_HEADER_LENGTH,
                efi_u16(volume + OFFSET_HEADER_LENGTH));
    if (volume[OFFSET_REVISION] != REVISION)
        return g_strdup_printf(
                "byte %u: volume header of revision %u", OFFSET_REVISION, volume[OFFSET_REVISION]);
    if (add_words(volume) != 0)
        return g_strdup_printf(
                "byte %u: the checksum of the volume header is wrong", OFFSET_CHECKSUM);
    return NULL;
}

char *volume_check_store(const guint8 *volume, const VolumeLayout *layout, VolumeStore *ret) {
    const guint8 *header = volume + VOLUME_HEADER_SIZE;
    const EfiGuid guid = efi_guid(header);
    const gboolean is_authenticated = efi_guid_equal(&guid, &authenticated_guid);

    if (!is_authenticated && !efi_guid_equal(&guid, &plain_guid))
        return g_strdup_printf("byte %u: no variable store", VOLUME_HEADER_SIZE);
    if (efi_u32(header + 16) != layout->variables - VOLUME_HEADER_SIZE)
        return g_strdup_printf(
                "byte %u: the variable store is said to have %u bytes", VOLUME_HEADER_SIZE + 16,
                efi_u32(header + 16));
    if (header[20] != STORE_FORMATTED)
        return g_strdup_printf(
                "byte %u: the variable store is not formatted", VOLUME_HEADER_SIZE + 20);
    if (header[21] != STORE_HEALTHY)
        return g_strdup_printf(
                "byte %u: the variable store is marked unhealthy", VOLUME_HEADER_SIZE + 21);

    ret->is_authenticated = is_authenticated;
    ret->records = VOLUME_HEADER_SIZE + STORE_HEADER_SIZE;
    ret->end = layout->variables;
    return NULL;
}

/* -- fault-tolerant writes (MdeModulePkg/Universal/FaultTolerantWriteDxe) -------------------- */

/* EFI_FAULT_TOLERANT_WORKING_BLOCK_HEADER */
#define WORKING_HEADER_SIZE 32
#define WORKING_OFFSET_CRC 16
#define WORKING_OFFSET_STATE 20
/* bits are inverted: erased means not set */
#define WORKING_STATE_MASK 3
#define WORKING_STATE_VALID 2

/* EFI_FAULT_TOLERANT_WRITE_HEADER, EFI_FAULT_TOLERANT_WRITE_RECORD */
#define QUEUE_ENTRY_SIZE 40
#define HEADER_ALLOCATED 1
#define HEADER_COMPLETE 4
#define RECORD_SPARE_COMPLETE 2
#define RECORD_DESTINATION_COMPLETE 4

/* EDKII_WORKING_BLOCK_SIGNATURE_GUID, 9e58292b-7c68-497d-a0ce-6500fd9f1b95 */
static const EfiGuid working_guid = {
        {0x2b, 0x29, 0x58, 0x9e, 0x68, 0x7c, 0x7d, 0x49, 0xa0, 0xce, 0x65, 0x00, 0xfd, 0x9f, 0x1b,
         0x95}};

static guint32 crc32(const guint8 *bytes, gsize size) {
    guint32 crc = ~0u;

    for (gsize i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (guint bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

/* The checksum covers the header before checksum and state were set. */
static gboolean is_working_header(const guint8 *working) {
    const EfiGuid guid = efi_guid(working);
    guint8 header[WORKING_HEADER_SIZE];

    memcpy(header, working, sizeof header);
    memset(header + WORKING_OFFSET_CRC, 0xff, 5);
    return efi_guid_equal(&guid, &working_guid) &&
            (working[WORKING_OFFSET_STATE] & WORKING_STATE_MASK) == WORKING_STATE_VALID &&
            efi_u32(working + WORKING_OFFSET_CRC) == crc32(header, sizeof header);
}

static gboolean is_set(const guint8 *entry, guint8 bit) {
    return (entry[0] & bit) == 0;
}

/* Returns FALSE if RECORD names blocks outside the variables. */
static gboolean read_record(
        const guint8 *volume, const VolumeLayout *layout, guint32 record, VolumeWrite *ret) {
    const guint64 lba = efi_u64(volume + record + 8);
    const guint64 offset = efi_u64(volume + record + 16);
    const guint64 length = efi_u64(volume + record + 24);
    guint64 size;

    if (lba >= layout->spare_size / layout->block || offset > layout->spare_size ||
        length > layout->spare_size - offset)
        return FALSE;
    /* the firmware prepares whole blocks */
    size = (offset + length + layout->block - 1) / layout->block * layout->block;
    if (size == 0 || size > layout->spare_size - lba * layout->block)
        return FALSE;

    *ret = (VolumeWrite){
            .target = (guint32)(lba * layout->block),
            .size = (guint32)size,
            .record = record,
    };
    return TRUE;
}

/* Finds a record of one write header that is in the spare area and not yet at its destination. */
static gboolean find_record(
        const guint8 *volume, const VolumeLayout *layout, guint32 header, guint64 n_records,
        guint64 record_size, VolumeWrite *ret) {
    for (guint64 i = 0; i < n_records; i++) {
        const guint32 record = (guint32)(header + QUEUE_ENTRY_SIZE + i * record_size);

        if (is_set(volume + record, RECORD_DESTINATION_COMPLETE))
            continue;
        if (!is_set(volume + record, RECORD_SPARE_COMPLETE) ||
            !read_record(volume, layout, record, ret))
            return FALSE;
        ret->header = header;
        ret->is_last = i + 1 == n_records;
        return TRUE;
    }
    return FALSE;
}

gboolean volume_find_write(const guint8 *volume, const VolumeLayout *layout, VolumeWrite *ret) {
    const guint32 end = layout->working + layout->working_size;
    guint32 header = layout->working + WORKING_HEADER_SIZE;

    if (!is_working_header(volume + layout->working))
        return FALSE;

    while (end - header >= QUEUE_ENTRY_SIZE && is_set(volume + header, HEADER_ALLOCATED)) {
        const guint64 n_records = efi_u64(volume + header + 24);
        const guint64 private_size = efi_u64(volume + header + 32);
        const guint64 room = end - header - QUEUE_ENTRY_SIZE;

        if (private_size > room || n_records > room / (QUEUE_ENTRY_SIZE + private_size))
            return FALSE;
        if (!is_set(volume + header, HEADER_COMPLETE))
            return find_record(
                    volume, layout, header, n_records, QUEUE_ENTRY_SIZE + private_size, ret);
        header += (guint32)(QUEUE_ENTRY_SIZE + n_records * (QUEUE_ENTRY_SIZE + private_size));
    }
    return FALSE;
}

void volume_complete_write(guint8 *volume, const VolumeLayout *layout, const VolumeWrite *write) {
    if (write->target < layout->working)
        memcpy(volume + write->target, volume + layout->spare,
               MIN(write->size, layout->working - write->target));
    volume[write->record] &= (guint8)~RECORD_DESTINATION_COMPLETE;
    if (write->is_last)
        volume[write->header] &= (guint8)~HEADER_COMPLETE;
}

void volume_erase_writes(guint8 *volume, const VolumeLayout *layout) {
    memset(volume + layout->working + WORKING_HEADER_SIZE, 0xff,
           layout->working_size - WORKING_HEADER_SIZE);
    memset(volume + layout->spare, 0xff, layout->spare_size);
}

/* -- formatting ------------------------------------------------------------------------- */

#define OFFSET_ATTRIBUTES 44
#define OFFSET_BLOCK_MAP 56
/* EFI_FVB_ATTRIBUTES_2 of both OVMF and ArmVirtQemu */
#define ATTRIBUTES 0x4feff

static void format_header(guint8 *volume, const VolumeLayout *layout) {
    memset(volume, 0, VOLUME_HEADER_SIZE);
    memcpy(volume + OFFSET_GUID, volume_guid.bytes, sizeof volume_guid.bytes);
    efi_put_u64(volume + OFFSET_LENGTH, layout->length);
    memcpy(volume + OFFSET_SIGNATURE, SIGNATURE, strlen(SIGNATURE));
    efi_put_u32(volume + OFFSET_ATTRIBUTES, ATTRIBUTES);
    efi_put_u16(volume + OFFSET_HEADER_LENGTH, VOLUME_HEADER_SIZE);
    volume[OFFSET_REVISION] = REVISION;
    efi_put_u32(volume + OFFSET_BLOCK_MAP, layout->length / layout->block);
    efi_put_u32(volume + OFFSET_BLOCK_MAP + 4, layout->block);
    efi_put_u16(volume + OFFSET_CHECKSUM, (guint16)-add_words(volume));
}

static void format_store(guint8 *header, const VolumeLayout *layout) {
    memset(header, 0, STORE_HEADER_SIZE);
    memcpy(header, authenticated_guid.bytes, sizeof authenticated_guid.bytes);
    efi_put_u32(header + 16, layout->variables - VOLUME_HEADER_SIZE);
    header[20] = STORE_FORMATTED;
    header[21] = STORE_HEALTHY;
}

static void format_working(guint8 *working, const VolumeLayout *layout) {
    memcpy(working, working_guid.bytes, sizeof working_guid.bytes);
    efi_put_u64(working + 24, layout->working_size - WORKING_HEADER_SIZE);
    efi_put_u32(working + WORKING_OFFSET_CRC, crc32(working, WORKING_HEADER_SIZE));
    working[WORKING_OFFSET_STATE] &= (guint8)~1;
}

void volume_format(guint8 *volume, const VolumeLayout *layout) {
    memset(volume, 0xff, layout->length);
    format_header(volume, layout);
    format_store(volume + VOLUME_HEADER_SIZE, layout);
    format_working(volume + layout->working, layout);
}
