/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <json-glib/json-glib.h>
#include <string.h>

#include "base/lexical.h"
#include "base/text.h"
#include "uefi/store.h"

/* The file of QEMU's devices uefi-vars-x64 and uefi-vars-sysbus: qapi/uefi.json, read in the manner
 * of hw/uefi/var-service-json.c. */

/* hw/uefi/var-service-vars.c counts sizeof(uefi_variable), name, data and digest of each variable;
 * hw/uefi/var-service.h limits their total (property size) and one request (MAX_BUFFER_SIZE). */
#define RECORD_HEADER 96
#define DEFAULT_SIZE (256 * 1024)
#define LARGEST (64 * 1024)

static void set_fault(Store *store, guint index, const char *member, const char *text) {
    store_set_health(store, STORE_HEALTH_DAMAGED, "/variables/%u%s: %s", index, member, text);
}

/* Returns NULL if the member is absent or not a string. */
static const char *get_string(JsonObject *object, const char *member) {
    JsonNode *node = json_object_get_member(object, member);

    return node && json_node_get_value_type(node) == G_TYPE_STRING ? json_node_get_string(node)
                                                                   : NULL;
}

/* Returns FALSE if the member is absent or not an unsigned number of 32 bits. */
static gboolean get_u32(JsonObject *object, const char *member, guint32 *ret) {
    JsonNode *node = json_object_get_member(object, member);
    gint64 value;

    if (!node || json_node_get_value_type(node) != G_TYPE_INT64)
        return FALSE;
    value = json_node_get_int(node);
    if (value < 0 || value > G_MAXUINT32)
        return FALSE;
    *ret = (guint32)value;
    return TRUE;
}

/* Returns NULL if TEXT is NULL or not bytes in hexadecimal digits. */
static GBytes *read_hex(const char *text) {
    gsize size = text ? strlen(text) : 1;
    g_autofree guint8 *bytes = NULL;

    if (size % 2 != 0)
        return NULL;
    bytes = g_malloc(size / 2 + 1);
    for (gsize i = 0; i < size; i += 2) {
        if (!g_ascii_isxdigit(text[i]) || !g_ascii_isxdigit(text[i + 1]))
            return NULL;
        bytes[i / 2] =
                (guint8)(g_ascii_xdigit_value(text[i]) << 4 | g_ascii_xdigit_value(text[i + 1]));
    }
    return g_bytes_new_take(g_steal_pointer(&bytes), size / 2);
}

/* QEMU ignores a time of another length. */
static void read_time(JsonObject *object, guint8 *time) {
    g_autoptr(GBytes) bytes = read_hex(get_string(object, "time"));

    if (bytes && g_bytes_get_size(bytes) == EFI_TIME_SIZE)
        memcpy(time, g_bytes_get_data(bytes, NULL), EFI_TIME_SIZE);
}

static gsize count_bytes(JsonObject *object, const StoreVariable *variable) {
    const char *digest = get_string(object, "digest");

    return RECORD_HEADER + ((gsize)g_utf8_strlen(variable->name, -1) + 1) * 2 +
            g_bytes_get_size(variable->data) + (digest ? strlen(digest) / 2 : 0);
}

static GBytes *make_origin(JsonNode *node) {
    char *text = json_to_string(node, FALSE);

    return g_bytes_new_take(text, strlen(text));
}

/* Returns NULL and sets the store's health if NODE is not a variable. */
static StoreVariable *read_variable(Store *store, guint index, JsonNode *node) {
    g_autoptr(StoreVariable) variable = g_new0(StoreVariable, 1);
    JsonObject *object;
    const char *guid, *name;

    if (!JSON_NODE_HOLDS_OBJECT(node)) {
        set_fault(store, index, "", "not an object");
        return NULL;
    }
    object = json_node_get_object(node);
    guid = get_string(object, "guid");
    name = get_string(object, "name");
    variable->data = read_hex(get_string(object, "data"));
    if (!guid || !efi_guid_parse(guid, &variable->guid))
        set_fault(store, index, "/guid", "not a GUID");
    else if (!name || *name == '\0')
        set_fault(store, index, "/name", "not a name");
    else if (!get_u32(object, "attr", &variable->attributes))
        set_fault(store, index, "/attr", "not attributes");
    else if (!variable->data)
        set_fault(store, index, "/data", "not bytes in hexadecimal digits");
    if (store->health == STORE_HEALTH_DAMAGED)
        return NULL;

    variable->name = text_make_valid(name);
    read_time(object, variable->time);
    variable->origin = make_origin(node);
    return g_steal_pointer(&variable);
}

/* Returns FALSE if SEEN has it already. */
static gboolean add_identity(GHashTable *seen, const StoreVariable *variable) {
    char guid[EFI_GUID_TEXT_SIZE];

    efi_guid_to_text(&variable->guid, guid);
    return g_hash_table_add(seen, g_strconcat(guid, "-", variable->name, NULL));
}

/* QEMU uses the first of two variables with one identity, and ignores variables without data. */
static void add_variable(
        Store *store, GHashTable *seen, JsonObject *object, StoreVariable *variable) {
    g_autoptr(StoreVariable) owned = variable;
    const gsize size = count_bytes(object, variable);

    if (g_bytes_get_size(variable->data) == 0 || !add_identity(seen, variable)) {
        store->dead += size;
        return;
    }
    store->live += size;
    g_ptr_array_add(store->variables, g_steal_pointer(&owned));
}

static void read_variables(Store *store, JsonArray *variables) {
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; i < json_array_get_length(variables); i++) {
        JsonNode *node = json_array_get_element(variables, i);
        StoreVariable *variable = read_variable(store, i, node);

        if (!variable)
            return;
        add_variable(store, seen, json_node_get_object(node), variable);
    }
}

static void set_limits(Store *store) {
    const gsize used = store->live + store->dead;

    store->is_readable = TRUE;
    store->largest = LARGEST;
    store->largest_plain = LARGEST;
    store->record_header = RECORD_HEADER;
    store->free = used < DEFAULT_SIZE ? DEFAULT_SIZE - used : 0;
}

static void read_document(Store *store, JsonNode *root) {
    JsonObject *object = root && JSON_NODE_HOLDS_OBJECT(root) ? json_node_get_object(root) : NULL;
    JsonNode *variables = object ? json_object_get_member(object, "variables") : NULL;
    guint32 version;

    if (!object)
        store_set_health(store, STORE_HEALTH_DAMAGED, "not an object");
    else if (!get_u32(object, "version", &version))
        store_set_health(store, STORE_HEALTH_DAMAGED, "/version: not a version");
    else if (!variables || !JSON_NODE_HOLDS_ARRAY(variables))
        store_set_health(store, STORE_HEALTH_DAMAGED, "/variables: not a list");
    else {
        read_variables(store, json_node_get_array(variables));
        set_limits(store);
    }
}

Store *store_read_json(GBytes *json) {
    Store *store = store_new(STORE_KIND_QEMU_JSON);
    g_autoptr(JsonParser) parser = json_parser_new_immutable();
    g_autoptr(GError) error = NULL;
    gsize size;
    const char *message;
    const char *text = g_bytes_get_data(json, &size);
    const char *fault = lexical_find_fault(text, size, &message);

    store->size = size;
    store->bytes = g_bytes_ref(json);
    if (size == 0) {
        store_set_health(store, STORE_HEALTH_EMPTY, "the file is empty");
        set_limits(store);
    } else if (fault)
        store_set_health(
                store, STORE_HEALTH_DAMAGED, "byte %" G_GSIZE_FORMAT ": %s", (gsize)(fault - text),
                message);
    else if (!json_parser_load_from_data(parser, text, (gssize)size, &error)) {
        g_autofree char *safe = text_make_valid(error->message);

        store_set_health(store, STORE_HEALTH_DAMAGED, "%s", safe);
    } else
        read_document(store, json_parser_get_root(parser));
    return store;
}
