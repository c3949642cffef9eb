/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/parse.h"

#include <json-glib/json-glib.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/lexical.h"
#include "base/text.h"

G_DEFINE_QUARK(parse_error, parse_error)

static gboolean syntax_error(GError **error, guint line, guint column, const char *text) {
    g_autofree char *safe = text_make_valid(text);

    g_set_error(
            error, PARSE_ERROR, PARSE_ERROR_SYNTAX, "parse-error:%u:%u: %s", line, column, safe);
    return FALSE;
}

G_GNUC_PRINTF(3, 4)
static gboolean schema_error(GError **error, const char *pointer, const char *format, ...) {
    g_autofree char *text = NULL;
    g_autofree char *safe = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);

    safe = text_make_valid(text);
    g_set_error(error, PARSE_ERROR, PARSE_ERROR_SCHEMA, "schema-error:%s: %s", pointer, safe);
    return FALSE;
}

/* -- bytes -> JSON tree ------------------------------------------------------------------ */

typedef struct Duplicate {
    guint line; /* 0: no duplicate */
    guint column;
    char *member;
    GHashTable *sizes; /* JsonObject -> its previous number of members */
} Duplicate;

/* json-glib silently keeps the last of two members with one name, but it signals each: a signalled
 * member that did not grow its object is a duplicate. */
static void on_object_member(
        JsonParser *parser, JsonObject *object, const char *member, gpointer userdata) {
    Duplicate *duplicate = userdata;
    guint size = json_object_get_size(object);
    guint seen = GPOINTER_TO_UINT(g_hash_table_lookup(duplicate->sizes, object));

    if (size == seen && duplicate->line == 0) {
        duplicate->line = json_parser_get_current_line(parser);
        duplicate->column = json_parser_get_current_pos(parser);
        duplicate->member = g_strdup(member);
    }
    g_hash_table_insert(duplicate->sizes, object, GUINT_TO_POINTER(size));
}

static gboolean check_words(const char *text, gsize size, GError **error) {
    const char *message;
    const char *fault = lexical_find_fault(text, size, &message);
    const char *line_start = text;
    guint line = 1;

    if (!fault)
        return TRUE;

    for (const char *p = text; p < fault; p++)
        if (*p == '\n') {
            line++;
            line_start = p + 1;
        }

    return syntax_error(
            error, line, (guint)g_utf8_strlen(line_start, fault - line_start) + 1, message);
}

static gboolean load_failed(const GError *json_error, GError **error) {
    guint line;
    guint column;
    int prefix = 0;

    /* json-glib reports the position in its message only */
    if (sscanf(json_error->message, "<data>:%u:%u: %n", &line, &column, &prefix) < 2 || prefix == 0)
        return syntax_error(error, 1, 1, json_error->message);

    /* for json-glib, the end after a line break is column 0 */
    return syntax_error(error, line, MAX(column, 1), json_error->message + prefix);
}

static gboolean load_object(GBytes *document, JsonParser *parser, GError **error) {
    g_autoptr(GHashTable) sizes = g_hash_table_new(NULL, NULL);
    g_autoptr(GError) json_error = NULL;
    Duplicate duplicate = {.sizes = sizes};
    g_autofree char *duplicate_member = NULL;
    gboolean loaded;
    gsize size;
    const char *text = g_bytes_get_data(document, &size);

    if (size > PARSE_MAX_SIZE) {
        g_set_error_literal(error, PARSE_ERROR, PARSE_ERROR_SYNTAX, PARSE_TOO_LARGE);
        return FALSE;
    }
    if (size == 0)
        return syntax_error(error, 1, 1, "the file is empty");
    if (!check_words(text, size, error))
        return FALSE;

    g_signal_connect(parser, "object-member", G_CALLBACK(on_object_member), &duplicate);
    loaded = json_parser_load_from_data(parser, text, (gssize)size, &json_error);
    g_signal_handlers_disconnect_by_data(parser, &duplicate);
    duplicate_member = duplicate.member;

    if (!loaded)
        return load_failed(json_error, error);

    if (duplicate.line > 0) {
        g_autofree char *message =
                g_strdup_printf("member \"%s\" is given twice", duplicate_member);
        return syntax_error(error, duplicate.line, duplicate.column, message);
    }

    if (!json_parser_get_root(parser))
        return syntax_error(error, 1, 1, "the file holds nothing but white space");
    if (!JSON_NODE_HOLDS_OBJECT(json_parser_get_root(parser)))
        return schema_error(error, "", "not an object");
    return TRUE;
}

/* -- members ----------------------------------------------------------------------------- */

/* An object, and the JSON pointer to it for errors. */
typedef struct Place {
    JsonObject *object;
    const char *pointer;
} Place;

static char *member_pointer(const Place *place, const char *member) {
    return g_strconcat(place->pointer, "/", member, NULL);
}

static gboolean node_to_string(JsonNode *node, const char *pointer, char **ret, GError **error) {
    const char *value;

    if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_STRING)
        return schema_error(error, pointer, "not a string");

    /* an escape such as \uffff is valid text in the file, but not after decoding */
    value = json_node_get_string(node);
    if (!text_is_valid(value))
        return schema_error(error, pointer, "holds a character that no text may hold");

    *ret = g_strdup(value);
    return TRUE;
}

/* *RET is DEFAULT_VALUE where the member is absent; NULL as default: it must be there. */
static gboolean read_string(
        const Place *place, const char *member, const char *default_value, char **ret,
        GError **error) {
    g_autofree char *pointer = member_pointer(place, member);
    JsonNode *node = json_object_get_member(place->object, member);

    if (node)
        return node_to_string(node, pointer, ret, error);
    if (!default_value)
        return schema_error(error, pointer, "missing");

    *ret = g_strdup(default_value);
    return TRUE;
}

static gboolean read_filename(const Place *place, const char *member, char **ret, GError **error) {
    g_autofree char *pointer = member_pointer(place, member);
    g_autofree char *filename = NULL;

    if (!read_string(place, member, NULL, &filename, error))
        return FALSE;
    if (filename[0] != '/')
        return schema_error(error, pointer, "\"%s\" is not an absolute file name", filename);

    *ret = g_steal_pointer(&filename);
    return TRUE;
}

static gboolean read_strings(
        const Place *place, const char *member, gboolean may_be_empty, GStrv *ret, GError **error) {
    g_autofree char *pointer = member_pointer(place, member);
    g_autoptr(GPtrArray) strings = g_ptr_array_new_with_free_func(g_free);
    JsonNode *node = json_object_get_member(place->object, member);
    JsonArray *array;

    if (!node && !may_be_empty)
        return schema_error(error, pointer, "missing");
    if (node && !JSON_NODE_HOLDS_ARRAY(node))
        return schema_error(error, pointer, "not an array");

    array = node ? json_node_get_array(node) : NULL;
    for (guint i = 0; array && i < json_array_get_length(array); i++) {
        g_autofree char *element_pointer = g_strdup_printf("%s/%u", pointer, i);
        char *string = NULL;

        if (!node_to_string(json_array_get_element(array, i), element_pointer, &string, error))
            return FALSE;
        g_ptr_array_add(strings, string);
    }

    if (strings->len == 0 && !may_be_empty)
        return schema_error(error, pointer, "empty");

    g_ptr_array_add(strings, NULL);
    *ret = (GStrv)g_ptr_array_free(g_steal_pointer(&strings), FALSE);
    return TRUE;
}

/* RET->pointer borrows *RET_POINTER. */
static gboolean read_object(
        const Place *place, const char *member, Place *ret, char **ret_pointer, GError **error) {
    g_autofree char *pointer = member_pointer(place, member);
    JsonNode *node = json_object_get_member(place->object, member);

    if (!node)
        return schema_error(error, pointer, "missing");
    if (!JSON_NODE_HOLDS_OBJECT(node))
        return schema_error(error, pointer, "not an object");

    *ret_pointer = g_steal_pointer(&pointer);
    *ret = (Place){.object = json_node_get_object(node), .pointer = *ret_pointer};
    return TRUE;
}

/* -- the schema -------------------------------------------------------------------------- */

static gboolean read_flash_key(
        const Place *place, const FlashKey *key, FlashRecord *record, GError **error) {
    g_autofree char *pointer = member_pointer(place, key->name);
    JsonNode *node = json_object_get_member(place->object, key->name);
    FlashUnit *values = &record->values;
    gboolean is_set = FALSE;

    if (key->type == 's') {
        g_autofree char *string = NULL;

        if (!node_to_string(node, pointer, &string, error))
            return FALSE;
        is_set = flash_unit_set_string(values, key, string);
    } else if (JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_BOOLEAN) {
        is_set = flash_unit_set_boolean(values, key, json_node_get_boolean(node));
    } else if (JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_INT64) {
        is_set = flash_unit_set_number(values, key, json_node_get_int(node));
    }

    if (!is_set)
        return schema_error(
                error, pointer, "not a value of the D-Bus type \"%c\" that the key has", key->type);
    flash_record_add(record, key);
    return TRUE;
}

/* The geometry that "vmfirmwarectl record" writes: see FlashRecord. */
static gboolean read_flash_record(const Place *image, FlashRecord **ret, GError **error) {
    g_autoptr(FlashRecord) record = g_new0(FlashRecord, 1);
    g_autofree char *pointer = NULL;
    Place place = {};

    if (!json_object_has_member(image->object, "flash"))
        return TRUE;
    if (!read_object(image, "flash", &place, &pointer, error))
        return FALSE;

    for (const FlashKey *key = flash_keys; key->name; key++)
        if (key->recordable && json_object_has_member(place.object, key->name) &&
            !read_flash_key(&place, key, record, error))
            return FALSE;

    *ret = g_steal_pointer(&record);
    return TRUE;
}

/* FirmwareFlashFile. DEFAULT_FORMAT NULL: the format is required. */
static gboolean read_image(
        const Place *mapping, const char *member, const char *default_format,
        DescriptorImage *image, GError **error) {
    g_autofree char *pointer = NULL;
    Place place = {};

    return read_object(mapping, member, &place, &pointer, error) &&
            read_filename(&place, "filename", &image->filename, error) &&
            read_string(&place, "format", default_format, &image->format, error) &&
            read_flash_record(&place, &image->flash, error);
}

static gboolean read_mode(
        const Place *mapping, FirmwareMode default_mode, FirmwareMode *ret, GError **error) {
    g_autofree char *pointer = member_pointer(mapping, "mode");
    g_autofree char *word = NULL;

    if (!read_string(mapping, "mode", firmware_mode_to_string(default_mode), &word, error))
        return FALSE;
    if (!firmware_mode_from_string(word, ret))
        return schema_error(error, pointer, "unknown mode \"%s\"", word);
    return TRUE;
}

/* FirmwareMappingFlash */
static gboolean read_flash_mapping(const Place *mapping, Descriptor *d, GError **error) {
    return read_mode(mapping, FIRMWARE_MODE_SPLIT, &d->mode, error) &&
            read_image(mapping, "executable", NULL, &d->executable, error) &&
            /* the schema: "only be provided if @mode is ``split``"; some descriptors have it
             * nevertheless */
            (d->mode != FIRMWARE_MODE_SPLIT ||
             read_image(mapping, "nvram-template", NULL, &d->nvram_template, error));
}

/* FirmwareMappingKernel, FirmwareMappingIgvm, and the merged form of FirmwareMappingMemory, which
 * have no mode in the schema. */
static gboolean read_file_mapping(const Place *mapping, Descriptor *d, GError **error) {
    d->executable.format = g_strdup(image_format_to_string(IMAGE_FORMAT_RAW));
    return read_mode(mapping, FIRMWARE_MODE_STATELESS, &d->mode, error) &&
            read_filename(mapping, "filename", &d->executable.filename, error);
}

/* FirmwareMemoryUefiVars */
static gboolean read_uefi_vars(const Place *mapping, Descriptor *d, GError **error) {
    g_autofree char *pointer = NULL;
    Place place = {};

    if (!json_object_has_member(mapping->object, "uefi-vars"))
        return TRUE;

    d->nvram_template.format = g_strdup(image_format_to_string(IMAGE_FORMAT_JSON));
    return read_object(mapping, "uefi-vars", &place, &pointer, error) &&
            read_filename(&place, "template", &d->nvram_template.filename, error);
}

/* The proposed form of FirmwareMappingMemory: like FirmwareMappingFlash, with a JSON variable store
 * as template. */
static gboolean read_extended_memory_mapping(const Place *mapping, Descriptor *d, GError **error) {
    gboolean has_template = json_object_has_member(mapping->object, "nvram-template");

    if (!read_mode(
                mapping, has_template ? FIRMWARE_MODE_SPLIT : FIRMWARE_MODE_STATELESS, &d->mode,
                error))
        return FALSE;
    return read_image(
                   mapping, "executable", image_format_to_string(IMAGE_FORMAT_RAW), &d->executable,
                   error) &&
            (d->mode != FIRMWARE_MODE_SPLIT ||
             read_image(
                     mapping, "nvram-template", image_format_to_string(IMAGE_FORMAT_JSON),
                     &d->nvram_template, error));
}

static gboolean read_memory_mapping(const Place *mapping, Descriptor *d, GError **error) {
    if (json_object_has_member(mapping->object, "executable"))
        return read_extended_memory_mapping(mapping, d, error);

    return read_file_mapping(mapping, d, error) && read_uefi_vars(mapping, d, error);
}

static gboolean read_device_mapping(const Place *mapping, Descriptor *d, GError **error) {
    switch (d->device) {
    case FIRMWARE_DEVICE_FLASH:
        return read_flash_mapping(mapping, d, error);
    case FIRMWARE_DEVICE_MEMORY:
        return read_memory_mapping(mapping, d, error);
    case FIRMWARE_DEVICE_KERNEL:
    case FIRMWARE_DEVICE_IGVM:
        return read_file_mapping(mapping, d, error);
    }
    g_assert_not_reached();
}

static gboolean read_mapping(const Place *root, Descriptor *d, GError **error) {
    g_autofree char *pointer = NULL;
    g_autofree char *device_pointer = NULL;
    g_autofree char *device = NULL;
    Place mapping = {};

    if (!read_object(root, "mapping", &mapping, &pointer, error) ||
        !read_string(&mapping, "device", NULL, &device, error))
        return FALSE;

    device_pointer = member_pointer(&mapping, "device");
    if (!firmware_device_from_string(device, &d->device))
        return schema_error(error, device_pointer, "unknown device \"%s\"", device);

    if (!read_device_mapping(&mapping, d, error))
        return FALSE;
    if (d->device != FIRMWARE_DEVICE_FLASH && d->mode == FIRMWARE_MODE_COMBINED)
        return schema_error(
                error, "/mapping/mode", "a guest can write to flash only: not combined");
    return TRUE;
}

static gboolean read_target(JsonNode *node, guint index, Descriptor *d, GError **error) {
    g_autofree char *pointer = g_strdup_printf("/targets/%u", index);
    g_autoptr(DescriptorTarget) target = g_new0(DescriptorTarget, 1);
    Place place = {.pointer = pointer};

    if (!JSON_NODE_HOLDS_OBJECT(node))
        return schema_error(error, pointer, "not an object");

    place.object = json_node_get_object(node);
    if (!read_string(&place, "architecture", NULL, &target->architecture, error) ||
        !read_strings(&place, "machines", FALSE, &target->machines, error))
        return FALSE;

    g_ptr_array_add(d->targets, g_steal_pointer(&target));
    return TRUE;
}

static gboolean read_targets(const Place *root, Descriptor *d, GError **error) {
    JsonNode *node = json_object_get_member(root->object, "targets");
    JsonArray *array;

    if (!node)
        return schema_error(error, "/targets", "missing");
    if (!JSON_NODE_HOLDS_ARRAY(node))
        return schema_error(error, "/targets", "not an array");

    array = json_node_get_array(node);
    if (json_array_get_length(array) == 0)
        return schema_error(error, "/targets", "empty");

    for (guint i = 0; i < json_array_get_length(array); i++)
        if (!read_target(json_array_get_element(array, i), i, d, error))
            return FALSE;
    return TRUE;
}

static gboolean read_interface_types(const Place *root, Descriptor *d, GError **error) {
    if (!read_strings(root, "interface-types", FALSE, &d->interface_types, error))
        return FALSE;

    for (guint i = 0; d->interface_types[i]; i++) {
        g_autofree char *pointer = g_strdup_printf("/interface-types/%u", i);

        if (!g_strv_contains(firmware_interface_words, d->interface_types[i]))
            return schema_error(
                    error, pointer, "unknown interface type \"%s\"", d->interface_types[i]);
    }
    return TRUE;
}

Descriptor *parse_descriptor(GBytes *document, GError **error) {
    g_autoptr(JsonParser) parser = json_parser_new_immutable();
    g_autoptr(Descriptor) descriptor = descriptor_new(document);
    Place root = {.pointer = ""};

    if (!load_object(document, parser, error))
        return NULL;
    root.object = json_node_get_object(json_parser_get_root(parser));

    /* the schema requires description, features and tags; some distributions omit them */
    if (!read_string(&root, "description", "", &descriptor->description, error) ||
        !read_interface_types(&root, descriptor, error) ||
        !read_mapping(&root, descriptor, error) || !read_targets(&root, descriptor, error) ||
        !read_strings(&root, "features", TRUE, &descriptor->features, error) ||
        !read_strings(&root, "tags", TRUE, &descriptor->tags, error))
        return NULL;

    return g_steal_pointer(&descriptor);
}
