/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/geometry.h"

#include <string.h>

#include "util.h"

static const FlashKey *find_key(const char *name) {
    for (const FlashKey *key = flash_keys; key->name; key++)
        if (g_str_equal(key->name, name))
            return key;

    g_assert_not_reached();
}

static void record_number(FlashRecord *record, const char *name, gint64 value) {
    g_assert_true(flash_unit_set_number(&record->values, find_key(name), value));
    flash_record_add(record, find_key(name));
}

static void record_string(FlashRecord *record, const char *name, const char *value) {
    g_assert_true(flash_unit_set_string(&record->values, find_key(name), value));
    flash_record_add(record, find_key(name));
}

/* All that a unit of its own needs. */
static FlashRecord *new_record(void) {
    FlashRecord *record = g_new0(FlashRecord, 1);

    record_number(record, "num-blocks", 16);
    record_number(record, "sector-length", 65536);
    record_number(record, "width", 2);
    record_number(record, "phys-addr", 0x10000);
    record_string(record, "name", "a");
    return record;
}

/* "One flash unit" of the contract: keys and types. */
static void keys_are_those_of_the_contract(void) {
    static const char *const contract[] = {
            "unit u",
            "role s",
            "driver s",
            "name s",
            "filename s",
            "format s",
            "read-only b",
            "size t",
            "phys-addr t",
            "num-blocks u",
            "sector-length t",
            "width y",
            "device-width y",
            "max-device-width y",
            "big-endian b",
            "secure b",
            "id0 q",
            "id1 q",
            "id2 q",
            "id3 q",
            "old-multiple-chip-handling b",
    };
    gsize n = 0;

    for (const FlashKey *key = flash_keys; key->name; key++, n++) {
        g_autofree char *line = g_strdup_printf("%s %c", key->name, key->type);

        g_assert_cmpuint(n, <, G_N_ELEMENTS(contract));
        g_assert_cmpstr(line, ==, contract[n]);
    }
    g_assert_cmpuint(n, ==, G_N_ELEMENTS(contract));
}

static void file_and_format_alone_are_not_recordable(void) {
    for (const FlashKey *key = flash_keys; key->name; key++)
        g_assert_true(
                key->recordable ==
                !(g_str_equal(key->name, "filename") || g_str_equal(key->name, "format")));
}

static guint64 max_of(char type) {
    switch (type) {
    case 'y':
        return G_MAXUINT8;
    case 'q':
        return G_MAXUINT16;
    case 'u':
        return G_MAXUINT32;
    case 't':
        return G_MAXINT64;
    default:
        return 0;
    }
}

static void numbers_have_a_range(void) {
    for (const FlashKey *key = flash_keys; key->name; key++) {
        g_autoptr(FlashUnit) unit = g_new0(FlashUnit, 1);
        guint64 max = max_of(key->type);

        g_assert_false(flash_unit_set_number(unit, key, -1));
        g_assert_false(flash_unit_set_number(unit, key, G_MININT64));
        g_assert_true(flash_unit_set_number(unit, key, (gint64)max) == (max > 0));
        if (max == 0)
            continue;
        g_assert_cmpuint(flash_unit_get_number(unit, key), ==, max);
        g_assert_true(flash_unit_set_number(unit, key, 0));
        g_assert_cmpuint(flash_unit_get_number(unit, key), ==, 0);
        if (max < G_MAXINT64)
            g_assert_false(flash_unit_set_number(unit, key, (gint64)max + 1));
    }
}

static void no_value_touches_another(void) {
    for (const FlashKey *key = flash_keys; key->name; key++) {
        g_autoptr(FlashUnit) unit = g_new0(FlashUnit, 1);

        if (max_of(key->type) == 0)
            continue;
        g_assert_true(flash_unit_set_number(unit, key, (gint64)max_of(key->type)));
        for (const FlashKey *other = flash_keys; other->name; other++)
            if (other != key && max_of(other->type) > 0)
                g_assert_cmpuint(flash_unit_get_number(unit, other), ==, 0);
    }
}

static void booleans_and_strings_have_keys_of_their_own(void) {
    for (const FlashKey *key = flash_keys; key->name; key++) {
        g_autoptr(FlashUnit) unit = g_new0(FlashUnit, 1);

        g_assert_true(flash_unit_set_boolean(unit, key, TRUE) == (key->type == 'b'));
        g_assert_true(flash_unit_set_string(unit, key, "x") == (key->type == 's'));
        if (key->type == 'b')
            g_assert_true(*(const gboolean *)flash_unit_get(unit, key));
        if (key->type == 's') {
            g_assert_true(flash_unit_set_string(unit, key, "y"));
            g_assert_cmpstr(*(char *const *)flash_unit_get(unit, key), ==, "y");
        }
    }
}

/* Another value than the unit has. */
static void alter(FlashUnit *unit, const FlashKey *key) {
    if (key->type == 's')
        g_assert_true(flash_unit_set_string(unit, key, "other"));
    else if (key->type == 'b')
        g_assert_true(flash_unit_set_boolean(unit, key, TRUE));
    else
        g_assert_true(flash_unit_set_number(unit, key, (gint64)max_of(key->type)));
}

static void each_value_is_compared_alone(void) {
    for (const FlashKey *key = flash_keys; key->name; key++) {
        g_autoptr(FlashUnit) a = g_new0(FlashUnit, 1);
        g_autoptr(FlashUnit) b = g_new0(FlashUnit, 1);

        g_assert_true(flash_unit_equal(a, b, key));
        alter(a, key);
        for (const FlashKey *other = flash_keys; other->name; other++)
            g_assert_true(flash_unit_equal(a, b, other) == (other != key));
        alter(b, key);
        g_assert_true(flash_unit_equal(a, b, key));
    }
}

static void what_is_refused_changes_nothing(void) {
    for (const FlashKey *key = flash_keys; key->name; key++) {
        g_autoptr(FlashUnit) a = g_new0(FlashUnit, 1);
        g_autoptr(FlashUnit) b = g_new0(FlashUnit, 1);

        alter(a, key);
        alter(b, key);
        g_assert_false(flash_unit_set_number(a, key, -1));
        g_assert_true(key->type == 's' || !flash_unit_set_string(a, key, "x"));
        g_assert_true(key->type == 'b' || !flash_unit_set_boolean(a, key, FALSE));
        for (const FlashKey *other = flash_keys; other->name; other++)
            g_assert_true(flash_unit_equal(a, b, other));
    }
}

static void a_record_knows_what_it_has(void) {
    g_autoptr(FlashRecord) record = new_record();

    g_assert_true(flash_record_has(record, find_key("width")));
    g_assert_false(flash_record_has(record, find_key("id0")));
    record_number(record, "id0", 0);
    g_assert_true(flash_record_has(record, find_key("id0")));
    g_assert_false(flash_record_has(record, find_key("id1")));
}

static void a_complete_record_is_a_unit(void) {
    g_autoptr(FlashRecord) record = new_record();
    g_autoptr(FlashUnit) unit = flash_record_to_unit(record);

    g_assert_nonnull(unit);
    g_assert_cmpstr(unit->driver, ==, "cfi.pflash01");
    g_assert_cmpstr(unit->name, ==, "a");
    g_assert_cmpuint(unit->size, ==, 1048576);
    g_assert_cmpuint(unit->device_width, ==, 0);
    g_assert_null(flash_record_find_mismatch(record, unit, flash_keys));
}

static void another_driver_is_kept(void) {
    g_autoptr(FlashRecord) record = new_record();
    g_autoptr(FlashUnit) unit = NULL;

    record_string(record, "driver", "cfi.pflash02");
    unit = flash_record_to_unit(record);
    g_assert_cmpstr(unit->driver, ==, "cfi.pflash02");
}

static void a_unit_of_more_than_63_bits_is_none(void) {
    g_autoptr(FlashRecord) record = new_record();

    record_number(record, "num-blocks", 2);
    record_number(record, "sector-length", G_GINT64_CONSTANT(1) << 62);
    g_assert_null(flash_record_to_unit(record));
    record_number(record, "num-blocks", 1);
    g_autoptr(FlashUnit) unit = flash_record_to_unit(record);
    g_assert_cmpuint(unit->size, ==, G_GUINT64_CONSTANT(1) << 62);
}

static void each_mismatch_is_found_in_turn(void) {
    g_autoptr(FlashRecord) record = new_record();
    g_autoptr(FlashUnit) unit = flash_record_to_unit(record);
    const FlashKey *key;

    unit->width = 4;
    unit->phys_addr = 0;
    unit->id[3] = 1; /* is not recorded */
    key = flash_record_find_mismatch(record, unit, flash_keys);
    g_assert_true(key == find_key("phys-addr"));
    key = flash_record_find_mismatch(record, unit, key + 1);
    g_assert_true(key == find_key("width"));
    g_assert_null(flash_record_find_mismatch(record, unit, key + 1));
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(keys_are_those_of_the_contract),
            TEST_CASE(file_and_format_alone_are_not_recordable),
            TEST_CASE(numbers_have_a_range),
            TEST_CASE(no_value_touches_another),
            TEST_CASE(booleans_and_strings_have_keys_of_their_own),
            TEST_CASE(each_value_is_compared_alone),
            TEST_CASE(what_is_refused_changes_nothing),
            TEST_CASE(a_record_knows_what_it_has),
            TEST_CASE(a_complete_record_is_a_unit),
            TEST_CASE(another_driver_is_kept),
            TEST_CASE(a_unit_of_more_than_63_bits_is_none),
            TEST_CASE(each_mismatch_is_found_in_turn),
    };

    return test_main(argc, argv, "geometry", cases, G_N_ELEMENTS(cases));
}
