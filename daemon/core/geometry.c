/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/geometry.h"

#include <stddef.h>

#define KEY(key_name, key_type, field, is_recordable) \
    {.name = key_name,                                \
     .type = key_type,                                \
     .offset = offsetof(FlashUnit, field),            \
     .recordable = is_recordable}

const FlashKey flash_keys[] = {
        KEY("unit", 'u', unit, TRUE),
        KEY("role", 's', role, TRUE),
        KEY("driver", 's', driver, TRUE),
        KEY("name", 's', name, TRUE),
        /* each VM's NVRAM has its own file and format */
        KEY("filename", 's', filename, FALSE),
        KEY("format", 's', format, FALSE),
        KEY("read-only", 'b', read_only, TRUE),
        KEY("size", 't', size, TRUE),
        KEY("phys-addr", 't', phys_addr, TRUE),
        KEY("num-blocks", 'u', num_blocks, TRUE),
        KEY("sector-length", 't', sector_length, TRUE),
        KEY("width", 'y', width, TRUE),
        KEY("device-width", 'y', device_width, TRUE),
        KEY("max-device-width", 'y', max_device_width, TRUE),
        KEY("big-endian", 'b', big_endian, TRUE),
        KEY("secure", 'b', secure, TRUE),
        KEY("id0", 'q', id[0], TRUE),
        KEY("id1", 'q', id[1], TRUE),
        KEY("id2", 'q', id[2], TRUE),
        KEY("id3", 'q', id[3], TRUE),
        KEY("old-multiple-chip-handling", 'b', old_multiple_chip_handling, TRUE),
        {},
};

G_STATIC_ASSERT(G_N_ELEMENTS(flash_keys) - 1 <= 32); /* FlashRecord.present */

#define FIELD(type, unit, key) (*(type *)((char *)(unit) + (key)->offset))
#define CONST_FIELD(type, unit, key) (*(type const *)((const char *)(unit) + (key)->offset))

static void flash_unit_clear(FlashUnit *unit) {
    g_free(unit->role);
    g_free(unit->driver);
    g_free(unit->name);
    g_free(unit->filename);
    g_free(unit->format);
}

void flash_unit_free(FlashUnit *unit) {
    if (!unit)
        return;

    flash_unit_clear(unit);
    g_free(unit);
}

FlashUnit *flash_unit_copy(const FlashUnit *unit) {
    FlashUnit *copy = g_new(FlashUnit, 1);

    *copy = *unit;
    copy->role = g_strdup(unit->role);
    copy->driver = g_strdup(unit->driver);
    copy->name = g_strdup(unit->name);
    copy->filename = g_strdup(unit->filename);
    copy->format = g_strdup(unit->format);
    return copy;
}

void flash_record_free(FlashRecord *record) {
    if (!record)
        return;

    flash_unit_clear(&record->values);
    g_free(record);
}

void flash_record_add(FlashRecord *record, const FlashKey *key) {
    record->present |= 1u << (key - flash_keys);
}

gboolean flash_record_has(const FlashRecord *record, const FlashKey *key) {
    return record->present & (1u << (key - flash_keys));
}

gboolean flash_unit_set_number(FlashUnit *unit, const FlashKey *key, gint64 value) {
    if (value < 0)
        return FALSE;

    switch (key->type) {
    case 'y':
        if (value > G_MAXUINT8)
            return FALSE;
        FIELD(guint8, unit, key) = (guint8)value;
        break;
    case 'q':
        if (value > G_MAXUINT16)
            return FALSE;
        FIELD(guint16, unit, key) = (guint16)value;
        break;
    case 'u':
        if (value > G_MAXUINT32)
            return FALSE;
        FIELD(guint32, unit, key) = (guint32)value;
        break;
    case 't':
        FIELD(guint64, unit, key) = (guint64)value;
        break;
    default:
        return FALSE;
    }

    return TRUE;
}

gboolean flash_unit_set_boolean(FlashUnit *unit, const FlashKey *key, gboolean value) {
    if (key->type != 'b')
        return FALSE;

    FIELD(gboolean, unit, key) = value;
    return TRUE;
}

gboolean flash_unit_set_string(FlashUnit *unit, const FlashKey *key, const char *value) {
    if (key->type != 's')
        return FALSE;

    g_free(FIELD(char *, unit, key));
    FIELD(char *, unit, key) = g_strdup(value);
    return TRUE;
}

gconstpointer flash_unit_get(const FlashUnit *unit, const FlashKey *key) {
    return (const char *)unit + key->offset;
}

guint64 flash_unit_get_number(const FlashUnit *unit, const FlashKey *key) {
    switch (key->type) {
    case 'y':
        return CONST_FIELD(guint8, unit, key);
    case 'q':
        return CONST_FIELD(guint16, unit, key);
    case 'u':
        return CONST_FIELD(guint32, unit, key);
    case 't':
        return CONST_FIELD(guint64, unit, key);
    default:
        g_assert_not_reached();
    }
}

gboolean flash_unit_equal(const FlashUnit *a, const FlashUnit *b, const FlashKey *key) {
    switch (key->type) {
    case 'b':
        return CONST_FIELD(gboolean, a, key) == CONST_FIELD(gboolean, b, key);
    case 'y':
        return CONST_FIELD(guint8, a, key) == CONST_FIELD(guint8, b, key);
    case 'q':
        return CONST_FIELD(guint16, a, key) == CONST_FIELD(guint16, b, key);
    case 'u':
        return CONST_FIELD(guint32, a, key) == CONST_FIELD(guint32, b, key);
    case 't':
        return CONST_FIELD(guint64, a, key) == CONST_FIELD(guint64, b, key);
    case 's':
        return g_strcmp0(CONST_FIELD(char *, a, key), CONST_FIELD(char *, b, key)) == 0;
    default:
        g_assert_not_reached();
    }
}

const FlashKey *flash_record_find_mismatch(
        const FlashRecord *record, const FlashUnit *unit, const FlashKey *key) {
    for (; key->name; key++)
        if (flash_record_has(record, key) && !flash_unit_equal(&record->values, unit, key))
            return key;

    return NULL;
}

FlashUnit *flash_record_to_unit(const FlashRecord *record) {
    static const char *const needed[] = {
            "num-blocks", "sector-length", "width", "phys-addr", "name", NULL,
    };
    const FlashUnit *values = &record->values;
    g_autoptr(FlashUnit) unit = g_new0(FlashUnit, 1);

    for (const FlashKey *key = flash_keys; key->name; key++)
        if (g_strv_contains(needed, key->name) && !flash_record_has(record, key))
            return NULL;

    if (values->num_blocks == 0 || values->sector_length == 0 ||
        values->sector_length > G_MAXINT64 / values->num_blocks)
        return NULL;

    *unit = *values;
    unit->role = NULL;
    unit->filename = NULL;
    unit->format = NULL;
    unit->driver = g_strdup(values->driver ? values->driver : "cfi.pflash01");
    unit->name = g_strdup(values->name);
    unit->size = values->sector_length * values->num_blocks;
    return g_steal_pointer(&unit);
}
