/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * The values of one flash unit, and the table of their keys, which serves the D-Bus answer, the
 * geometry that a descriptor records, and the comparison of the two.
 *
 * Names and meanings are those of QEMU's qdev type cfi.pflash01 (hw/block/pflash_cfi01.c); sizes,
 * addresses and widths are in bytes.
 */

typedef struct FlashUnit {
    guint32 unit;
    char *role;     /* "executable" or "nvram" */
    char *driver;   /* qdev type */
    char *name;     /* of the memory region */
    char *filename; /* empty: each VM gets a copy of its own */
    char *format;
    gboolean read_only;
    guint64 size; /* num_blocks * sector_length */
    guint64 phys_addr;
    guint32 num_blocks;
    guint64 sector_length;
    guint8 width; /* of the bank */
    guint8 device_width;
    guint8 max_device_width;
    gboolean big_endian;
    gboolean secure;
    guint16 id[4];
    gboolean old_multiple_chip_handling;
} FlashUnit;

FlashUnit *flash_unit_copy(const FlashUnit *unit) G_GNUC_WARN_UNUSED_RESULT;
void flash_unit_free(FlashUnit *unit);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FlashUnit, flash_unit_free)

typedef struct FlashKey {
    const char *name;
    char type;           /* D-Bus type: one of b y q u t s */
    gsize offset;        /* in FlashUnit: gboolean, guint8, guint16, guint32, guint64, char* */
    gboolean recordable; /* a descriptor may record it */
} FlashKey;

/* Ends with a key whose name is NULL. */
extern const FlashKey flash_keys[];

/* The values that a descriptor records for one unit: any subset of the recordable keys. */
typedef struct FlashRecord {
    FlashUnit values;
    guint32 present; /* bit N: flash_keys[N] is recorded */
} FlashRecord;

void flash_record_free(FlashRecord *record);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FlashRecord, flash_record_free)

/* Each sets one value. FALSE: its type or range does not match the key. */
gboolean flash_unit_set_number(FlashUnit *unit, const FlashKey *key, gint64 value)
        G_GNUC_WARN_UNUSED_RESULT;
gboolean flash_unit_set_boolean(FlashUnit *unit, const FlashKey *key, gboolean value)
        G_GNUC_WARN_UNUSED_RESULT;
gboolean flash_unit_set_string(FlashUnit *unit, const FlashKey *key, const char *value)
        G_GNUC_WARN_UNUSED_RESULT;

/* Return the address of a value, whose type is that of the key (gboolean, guint8, guint16, guint32,
 * guint64 or char*), and the value of a number. */
gconstpointer flash_unit_get(const FlashUnit *unit, const FlashKey *key);
guint64 flash_unit_get_number(const FlashUnit *unit, const FlashKey *key);

gboolean flash_unit_equal(const FlashUnit *a, const FlashUnit *b, const FlashKey *key);

void flash_record_add(FlashRecord *record, const FlashKey *key);
gboolean flash_record_has(const FlashRecord *record, const FlashKey *key);

/* Returns the first recorded key, from KEY on, whose value differs from UNIT's, or NULL. */
const FlashKey *flash_record_find_mismatch(
        const FlashRecord *record, const FlashUnit *unit, const FlashKey *key);

/* Returns the unit that RECORD describes by itself, or NULL if one of num-blocks, sector-length,
 * width, phys-addr and name is missing. The other keys have QEMU's defaults. */
FlashUnit *flash_record_to_unit(const FlashRecord *record) G_GNUC_WARN_UNUSED_RESULT;
