/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/board.h"

#include <fnmatch.h>
#include <stddef.h>
#include <string.h>

void board_free(Board *board) {
    if (!board)
        return;

    g_free(board->glob);
    g_strfreev(board->architectures);
    g_strfreev(board->aliases);
    g_free(board->canonical);
    g_free(board->driver);
    g_strfreev(board->names);
    g_free(board->s3_device);
    g_free(board);
}

typedef enum KeyType {
    KEY_STRING,
    KEY_STRINGS,
    KEY_BOOLEAN,
    KEY_UINT8,
    KEY_UINT64,
    KEY_UNITS,
    KEY_PLACEMENT,
    KEY_ADDRESSES,
    KEY_IDS,
    KEY_VERSION,
    KEY_SINCE, /* a version, or true: always, false: never */
} KeyType;

typedef struct TableKey {
    const char *name;
    KeyType type;
    gsize offset; /* in Board */
} TableKey;

static const TableKey table_keys[] = {
        {"architectures", KEY_STRINGS, offsetof(Board, architectures)},
        {"aliases", KEY_STRINGS, offsetof(Board, aliases)},
        {"canonical", KEY_STRING, offsetof(Board, canonical)},
        {"units", KEY_UNITS, offsetof(Board, n_units)},
        {"since", KEY_VERSION, offsetof(Board, since)},
        {"pflash-properties", KEY_SINCE, offsetof(Board, pflash_properties_since)},
        {"driver", KEY_STRING, offsetof(Board, driver)},
        {"names", KEY_STRINGS, offsetof(Board, names)},
        {"placement", KEY_PLACEMENT, offsetof(Board, placement)},
        {"top", KEY_UINT64, offsetof(Board, top)},
        {"addresses", KEY_ADDRESSES, offsetof(Board, addresses)},
        {"unit-size", KEY_UINT64, offsetof(Board, unit_size)},
        {"max-unit-size", KEY_UINT64, offsetof(Board, max_unit_size)},
        {"max-total-size", KEY_UINT64, offsetof(Board, max_total_size)},
        {"sector-length", KEY_UINT64, offsetof(Board, sector_length)},
        {"width", KEY_UINT8, offsetof(Board, width)},
        {"device-width", KEY_UINT8, offsetof(Board, device_width)},
        {"max-device-width", KEY_UINT8, offsetof(Board, max_device_width)},
        {"big-endian", KEY_BOOLEAN, offsetof(Board, big_endian)},
        {"ids", KEY_IDS, offsetof(Board, id)},
        {"bios-size-multiple", KEY_UINT64, offsetof(Board, bios_size_multiple)},
        {"bios-max-size", KEY_UINT64, offsetof(Board, bios_max_size)},
        {"s3-device", KEY_STRING, offsetof(Board, s3_device)},
};

/* Decimal, or hexadecimal with 0x. */
static gboolean parse_number(const char *text, guint64 max, guint64 *ret) {
    if (g_str_has_prefix(text, "0x"))
        return g_ascii_string_to_unsigned(text + 2, 16, 0, max, ret, NULL);
    return g_ascii_string_to_unsigned(text, 10, 0, max, ret, NULL);
}

static gboolean parse_numbers(GStrv texts, guint64 max, gsize n, guint64 *ret) {
    if (g_strv_length(texts) > n)
        return FALSE;

    for (gsize i = 0; texts[i]; i++)
        if (!parse_number(texts[i], max, &ret[i]))
            return FALSE;
    return TRUE;
}

/* A key file's list, with or without a trailing semicolon. */
static GStrv split_list(const char *value) {
    g_autofree char *list = g_strdup(value);

    if (g_str_has_suffix(list, ";"))
        list[strlen(list) - 1] = '\0';
    return g_strsplit(list, ";", -1);
}

/* Takes ownership of WORDS. */
static gboolean set_words(GStrv *field, GStrv words) {
    *field = words;
    return words[0] && !g_strv_contains((const char *const *)words, "");
}

static gboolean set_since(QemuVersion *field, const char *value) {
    if (qemu_version_from_string(value, field))
        return TRUE;
    *field = g_str_equal(value, "true") ? 0 : G_MAXUINT32;
    return g_str_equal(value, "true") || g_str_equal(value, "false");
}

static gboolean set_value(Board *board, const TableKey *key, const char *value) {
    gpointer field = (char *)board + key->offset;
    g_auto(GStrv) words = split_list(value);
    guint64 number;
    guint64 ids[G_N_ELEMENTS(board->id)] = {};

    switch (key->type) {
    case KEY_STRING:
        *(char **)field = g_strdup(value);
        return value[0] != '\0';
    case KEY_STRINGS:
        return set_words(field, g_steal_pointer(&words));
    case KEY_BOOLEAN:
        *(gboolean *)field = g_str_equal(value, "true");
        return g_str_equal(value, "true") || g_str_equal(value, "false");
    case KEY_UINT8:
        if (!parse_number(value, G_MAXUINT8, &number))
            return FALSE;
        *(guint8 *)field = (guint8)number;
        return TRUE;
    case KEY_UINT64:
        return parse_number(value, G_MAXINT64, field);
    case KEY_UNITS:
        if (!parse_number(value, BOARD_MAX_UNITS, &number))
            return FALSE;
        *(guint *)field = (guint)number;
        return TRUE;
    case KEY_PLACEMENT:
        *(FlashPlacement *)field =
                g_str_equal(value, "fixed") ? FLASH_PLACEMENT_FIXED : FLASH_PLACEMENT_STACKED_DOWN;
        return g_str_equal(value, "fixed") || g_str_equal(value, "stacked-down");
    case KEY_ADDRESSES:
        board->n_addresses = g_strv_length(words);
        return parse_numbers(words, G_MAXINT64, BOARD_MAX_UNITS, field);
    case KEY_IDS:
        if (!parse_numbers(words, G_MAXUINT16, G_N_ELEMENTS(ids), ids))
            return FALSE;
        for (gsize i = 0; i < G_N_ELEMENTS(ids); i++)
            ((guint16 *)field)[i] = (guint16)ids[i];
        return TRUE;
    case KEY_VERSION:
        return qemu_version_from_string(value, field);
    case KEY_SINCE:
        return set_since(field, value);
    }
    g_assert_not_reached();
}

G_STATIC_ASSERT(G_N_ELEMENTS(table_keys) <= 64); /* board_read() keeps a bit for each */

static const TableKey *find_key(const char *name) {
    for (gsize i = 0; i < G_N_ELEMENTS(table_keys); i++)
        if (g_str_equal(table_keys[i].name, name))
            return &table_keys[i];

    return NULL;
}

/* Checks the assumptions of the flash computation. NULL: all hold. */
static const char *find_board_fault(const Board *board) {
    if (!board->architectures)
        return "architectures is missing";
    if (board->aliases && !board->canonical)
        return "canonical is missing, which aliases need";
    if (board->canonical && fnmatch(board->glob, board->canonical, 0) != 0)
        return "canonical is not matched by the section's glob";
    if (board->n_units == 0)
        return NULL;

    if (!board->driver || !board->names || g_strv_length(board->names) != board->n_units)
        return "driver and one of names for each unit are needed";
    if (board->sector_length == 0 || board->width == 0)
        return "sector-length and width are needed";
    if (board->unit_size % board->sector_length != 0)
        return "unit-size is not a multiple of sector-length";
    if (board->unit_size / board->sector_length > G_MAXUINT32)
        return "unit-size is too large";
    if (board->unit_size == 0 && board->max_unit_size == 0 && board->max_total_size == 0)
        return "one of unit-size, max-unit-size, max-total-size is needed";
    if (MAX(board->max_unit_size, board->max_total_size) / board->sector_length > G_MAXUINT32)
        return "max-unit-size or max-total-size is too large";
    if (board->placement == FLASH_PLACEMENT_FIXED && board->n_addresses != board->n_units)
        return "one of addresses for each unit is needed";
    if (board->placement == FLASH_PLACEMENT_STACKED_DOWN &&
        (board->max_total_size == 0 || board->max_total_size > board->top))
        return "stacked-down needs max-total-size, and top not below it";
    return NULL;
}

Board *board_read(GKeyFile *file, const char *section, char **ret_fault) {
    g_autoptr(Board) board = g_new0(Board, 1);
    g_auto(GStrv) keys = g_key_file_get_keys(file, section, NULL, NULL);
    guint64 seen = 0;
    const char *fault;

    board->glob = g_strdup(section);
    board->pflash_properties_since = G_MAXUINT32;
    for (char **name = keys; *name; name++) {
        const TableKey *key = find_key(*name);
        g_autofree char *value = g_key_file_get_value(file, section, *name, NULL);

        if (!key) {
            *ret_fault = g_strdup_printf("[%s] %s: unknown key", section, *name);
            return NULL;
        }
        if (seen & (G_GUINT64_CONSTANT(1) << (key - table_keys))) {
            *ret_fault = g_strdup_printf("[%s] %s: given twice", section, *name);
            return NULL;
        }
        seen |= G_GUINT64_CONSTANT(1) << (key - table_keys);
        if (!set_value(board, key, value)) {
            *ret_fault = g_strdup_printf("[%s] %s: bad value \"%s\"", section, *name, value);
            return NULL;
        }
    }

    fault = find_board_fault(board);
    if (fault) {
        *ret_fault = g_strdup_printf("[%s] %s", section, fault);
        return NULL;
    }
    return g_steal_pointer(&board);
}

gboolean board_has_architecture(const Board *board, const char *architecture) {
    return g_strv_contains((const char *const *)board->architectures, architecture);
}

gboolean board_has_alias(const Board *board, const char *name) {
    return board->aliases && g_strv_contains((const char *const *)board->aliases, name);
}
