/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "uefi/store-write.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "base/error.h"
#include "base/lexical.h"
#include "uefi/volume.h"

/* EFI_VARIABLE_TIME_BASED_AUTHENTICATED_WRITE_ACCESS */
#define ATTRIBUTE_AUTHENTICATED 0x20

#define EMPTY_JSON "{\"version\": 2, \"variables\": []}"

/* year, month, day */
const guint8 store_first_time[EFI_TIME_SIZE] = {0xda, 0x07, 1, 1};

/* BYTES are those of a flash store. */
static Store *store_read_bytes(GBytes *bytes) {
    return store_read_flash(bytes, g_bytes_get_size(bytes));
}

Store *store_new_flash(guint32 length) {
    const VolumeLayout *layout = volume_find_layout(length);
    guint8 *volume;
    g_autoptr(GBytes) bytes = NULL;

    g_assert(layout);
    volume = g_malloc(length);
    volume_format(volume, layout);
    bytes = g_bytes_new_take(volume, length);
    return store_read_bytes(bytes);
}

Store *store_new_json(void) {
    g_autoptr(GBytes) bytes = g_bytes_new_static(EMPTY_JSON, strlen(EMPTY_JSON));

    return store_read_json(bytes);
}

Store *store_new_writable(const Store *store, GError **error) {
    g_autoptr(GBytes) completed = NULL;
    Store *copy = NULL;

    if (store->health == STORE_HEALTH_EMPTY && store->kind == STORE_KIND_QEMU_JSON)
        copy = store_new_json();
    else if (store->health == STORE_HEALTH_EMPTY && store->size >= STORE_MAX_LENGTH)
        /* OVMF formats no store, and its stores are smaller */
        copy = store_new_flash(STORE_MAX_LENGTH);
    else if (store->health == STORE_HEALTH_OK && store->kind == STORE_KIND_QEMU_JSON)
        copy = store_read_json(store->bytes);
    else if (store->health == STORE_HEALTH_OK || store->health == STORE_HEALTH_PENDING) {
        completed = store_complete_write(store->bytes);
        copy = store_read_bytes(completed ? completed : store->bytes);
    }
    if (copy && copy->health == STORE_HEALTH_OK) {
        copy->size = store->size;
        return copy;
    }
    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_IMAGE_UNUSABLE, "the variable store is %s: %s",
            store_health_to_string((copy ? copy : store)->health), (copy ? copy : store)->detail);
    store_free(copy);
    return NULL;
}

/* -- changes ---------------------------------------------------------------------------- */

static StoreVariable *add_variable(
        Store *store, const EfiGuid *guid, const char *name, guint32 attributes, GBytes *data) {
    StoreVariable *variable = g_new0(StoreVariable, 1);

    variable->guid = *guid;
    variable->name = g_strdup(name);
    variable->attributes = attributes;
    variable->data = g_bytes_ref(data);
    variable->is_changed = TRUE;
    g_ptr_array_add(store->variables, variable);
    return variable;
}

void store_set(
        Store *store, const EfiGuid *guid, const char *name, guint32 attributes, GBytes *data) {
    StoreVariable *variable = (StoreVariable *)store_find(store, guid, name);

    if (!variable) {
        variable = add_variable(store, guid, name, attributes, data);
        if (attributes & ATTRIBUTE_AUTHENTICATED)
            memcpy(variable->time, store_first_time, EFI_TIME_SIZE);
        return;
    }
    if (variable->attributes == attributes && g_bytes_equal(variable->data, data))
        return;
    variable->attributes = attributes;
    g_bytes_unref(variable->data);
    variable->data = g_bytes_ref(data);
    variable->is_changed = TRUE;
}

gboolean store_remove(Store *store, const EfiGuid *guid, const char *name) {
    const StoreVariable *variable = store_find(store, guid, name);

    return variable && g_ptr_array_remove(store->variables, (gpointer)variable);
}

/* -- records in flash ------------------------------------------------------------------- */

#define START_ID 0x55aa
#define STATE_ADDED 0x3f

static guint32 align(gsize size) {
    return (guint32)(size + 3) / 4 * 4;
}

/* AUTHENTICATED_VARIABLE_HEADER has count, time and key between attributes and sizes. */
static gsize get_sizes_offset(const Store *store) {
    return store->kind == STORE_KIND_EDK2 ? 36 : 8;
}

/* The name in UCS-2 with its NUL. */
static GBytes *make_name(const char *name) {
    long n_units;
    gunichar2 *units = g_utf8_to_utf16(name, -1, NULL, &n_units, NULL);

    g_assert(units);
    for (long i = 0; i < n_units; i++)
        units[i] = GUINT16_TO_LE(units[i]);
    return g_bytes_new_take(units, ((gsize)n_units + 1) * 2);
}

static GBytes *get_name(const Store *store, const StoreVariable *variable) {
    const guint8 *record;

    if (!variable->origin || store->kind == STORE_KIND_QEMU_JSON)
        return make_name(variable->name);
    record = g_bytes_get_data(variable->origin, NULL);
    return g_bytes_new_from_bytes(
            variable->origin, store->record_header, efi_u32(record + get_sizes_offset(store)));
}

gboolean store_add_copy(Store *store, const Store *from, const StoreVariable *variable) {
    g_autoptr(GBytes) stored = get_name(from, variable);
    g_autoptr(GBytes) name = make_name(variable->name);
    StoreVariable *copy;

    if (from->kind != store->kind && !g_bytes_equal(stored, name))
        return FALSE;
    copy = add_variable(
            store, &variable->guid, variable->name, variable->attributes, variable->data);
    memcpy(copy->time, variable->time, EFI_TIME_SIZE);
    if (from->kind == store->kind && variable->origin)
        copy->origin = g_bytes_ref(variable->origin);
    return TRUE;
}

static gsize record_size(const Store *store, const StoreVariable *variable) {
    g_autoptr(GBytes) name = get_name(store, variable);

    return store->record_header + g_bytes_get_size(name) + g_bytes_get_size(variable->data);
}

/* Writes the record at P, and returns its size. */
static gsize put_record(const Store *store, const StoreVariable *variable, guint8 *p) {
    const gsize sizes = get_sizes_offset(store);
    g_autoptr(GBytes) name = get_name(store, variable);
    gsize name_size, data_size;
    gconstpointer name_bytes = g_bytes_get_data(name, &name_size);
    gconstpointer data = g_bytes_get_data(variable->data, &data_size);

    /* count, key and reserved bytes of a record that is there stay */
    if (variable->origin)
        memcpy(p, g_bytes_get_data(variable->origin, NULL), store->record_header);
    else
        memset(p, 0, store->record_header);
    efi_put_u16(p, START_ID);
    p[2] = STATE_ADDED;
    efi_put_u32(p + 4, variable->attributes);
    if (store->kind == STORE_KIND_EDK2)
        memcpy(p + 16, variable->time, EFI_TIME_SIZE);
    efi_put_u32(p + sizes, (guint32)name_size);
    efi_put_u32(p + sizes + 4, (guint32)data_size);
    memcpy(p + sizes + 8, variable->guid.bytes, sizeof variable->guid.bytes);
    memcpy(p + store->record_header, name_bytes, name_size);
    if (data_size > 0)
        memcpy(p + store->record_header + name_size, data, data_size);
    return store->record_header + name_size + data_size;
}

/* -- limits ----------------------------------------------------------------------------- */

static gboolean check_variable(
        const Store *store, const StoreVariable *variable, gsize size, GError **error) {
    const gsize limit =
            variable->attributes & ATTRIBUTE_AUTHENTICATED ? store->largest : store->largest_plain;

    /* the firmware itself wrote one that nobody changed */
    if (size <= limit || !variable->is_changed)
        return TRUE;
    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_LIMITS_EXCEEDED,
            "variable %s: it would have %" G_GSIZE_FORMAT " bytes, and the store takes at most "
            "%" G_GSIZE_FORMAT " for one variable",
            variable->name, size, limit);
    return FALSE;
}

static gsize get_room(const Store *store) {
    return store->live + store->dead + store->free;
}

static gboolean check_total(const Store *store, gsize total, GError **error) {
    if (total <= get_room(store))
        return TRUE;
    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_LIMITS_EXCEEDED,
            "the variables would have %" G_GSIZE_FORMAT " bytes, and the store has room for "
            "%" G_GSIZE_FORMAT,
            total, get_room(store));
    return FALSE;
}

/* -- both formats ----------------------------------------------------------------------- */

static GBytes *write_flash(const Store *store, GError **error) {
    gsize size, total = 0;
    const guint8 *before = g_bytes_get_data(store->bytes, &size);
    const VolumeLayout *layout = volume_get_layout(before, size);
    guint8 *after, *p;

    for (guint i = 0; i < store->variables->len; i++) {
        const StoreVariable *variable = store->variables->pdata[i];
        const gsize n = record_size(store, variable);

        if (!check_variable(store, variable, n, error))
            return NULL;
        total += align(n);
    }
    if (!check_total(store, total, error))
        return NULL;

    g_assert(layout);
    after = g_memdup2(before, size);
    p = after + layout->variables - get_room(store);
    memset(p, 0xff, get_room(store));
    for (guint i = 0; i < store->variables->len; i++)
        p += align(put_record(store, store->variables->pdata[i], p));
    volume_erase_writes(after, layout);
    return g_bytes_new_take(after, size);
}

static char *make_hex(gconstpointer bytes, gsize size) {
    GString *text = g_string_sized_new(2 * size);

    for (gsize i = 0; i < size; i++)
        g_string_append_printf(text, "%02x", ((const guint8 *)bytes)[i]);
    return g_string_free(text, FALSE);
}

static void set_hex(JsonObject *object, const char *member, gconstpointer bytes, gsize size) {
    g_autofree char *text = make_hex(bytes, size);

    json_object_set_string_member(object, member, text);
}

static JsonNode *parse(GBytes *text) {
    gsize size;
    const char *data = g_bytes_get_data(text, &size);
    g_autofree char *copy = g_strndup(data, size);
    JsonNode *node = json_from_string(copy, NULL);

    g_assert(node);
    return node;
}

/* Members that are not known, and the digest of a signer, stay. */
static JsonNode *make_json(const StoreVariable *variable) {
    JsonNode *node = variable->origin ? parse(variable->origin) : json_node_new(JSON_NODE_OBJECT);
    static const guint8 none[EFI_TIME_SIZE];
    char guid[EFI_GUID_TEXT_SIZE];
    JsonObject *object;
    gsize size;
    gconstpointer data = g_bytes_get_data(variable->data, &size);

    if (!variable->is_changed)
        return node;
    if (!variable->origin)
        json_node_take_object(node, json_object_new());
    object = json_node_get_object(node);
    if (!variable->origin) {
        efi_guid_to_text(&variable->guid, guid);
        json_object_set_string_member(object, "guid", guid);
        json_object_set_string_member(object, "name", variable->name);
    }
    json_object_set_int_member(object, "attr", variable->attributes);
    set_hex(object, "data", data, size);
    if (memcmp(variable->time, none, sizeof none) != 0)
        set_hex(object, "time", variable->time, EFI_TIME_SIZE);
    return node;
}

static gsize count_json(const Store *store, const StoreVariable *variable, JsonNode *node) {
    JsonNode *digest = json_object_get_member(json_node_get_object(node), "digest");
    const gboolean is_text = digest && json_node_get_value_type(digest) == G_TYPE_STRING;

    return record_size(store, variable) + (is_text ? strlen(json_node_get_string(digest)) / 2 : 0);
}

static GBytes *write_json(const Store *store, GError **error) {
    g_autoptr(JsonNode) root = parse(store->bytes);
    g_autoptr(JsonArray) variables = json_array_new();
    g_autofree char *text = NULL;
    gsize total = 0;
    char *escaped;

    for (guint i = 0; i < store->variables->len; i++) {
        const StoreVariable *variable = store->variables->pdata[i];
        JsonNode *node = make_json(variable);
        const gsize size = count_json(store, variable, node);

        json_array_add_element(variables, node);
        total += size;
        if (!check_variable(store, variable, size, error))
            return NULL;
    }
    if (!check_total(store, total, error))
        return NULL;
    json_object_set_array_member(
            json_node_get_object(root), "variables", g_steal_pointer(&variables));
    text = json_to_string(root, TRUE);
    escaped = lexical_escape(text);
    return g_bytes_new_take(escaped, strlen(escaped));
}

GBytes *store_write(const Store *store, GError **error) {
    g_assert(store->health == STORE_HEALTH_OK);
    return store->kind == STORE_KIND_QEMU_JSON ? write_json(store, error)
                                               : write_flash(store, error);
}

Store *store_read_again(GBytes *bytes, const Store *store) {
    Store *again;

    if (store->kind == STORE_KIND_QEMU_JSON)
        return store_read_json(bytes);
    again = store_read_bytes(bytes);
    again->size = store->size;
    return again;
}
