/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/pin.h"

#include <json-glib/json-glib.h>

#include "base/lexical.h"

/* The record of a pin: writing. */

static void add_string(JsonBuilder *builder, const char *name, const char *value) {
    json_builder_set_member_name(builder, name);
    json_builder_add_string_value(builder, value);
}

static void add_number(JsonBuilder *builder, const char *name, guint64 value) {
    json_builder_set_member_name(builder, name);
    json_builder_add_int_value(builder, (gint64)value);
}

static void add_boolean(JsonBuilder *builder, const char *name, gboolean value) {
    json_builder_set_member_name(builder, name);
    json_builder_add_boolean_value(builder, value);
}

static void begin_object(JsonBuilder *builder, const char *name) {
    json_builder_set_member_name(builder, name);
    json_builder_begin_object(builder);
}

static void add_requirement(const char *key, const RequestValue *value, gpointer userdata) {
    JsonBuilder *builder = userdata;

    json_builder_set_member_name(builder, key);
    if (value->type == REQUEST_VALUE_STRINGS) {
        json_builder_begin_array(builder);
        for (const char *const *string = value->strings; *string; string++)
            json_builder_add_string_value(builder, *string);
        json_builder_end_array(builder);
    } else if (value->type == REQUEST_VALUE_BOOLEAN) {
        json_builder_add_boolean_value(builder, value->boolean);
    } else if (value->type == REQUEST_VALUE_SIZE) {
        json_builder_add_int_value(builder, (gint64)value->size);
    } else {
        json_builder_add_string_value(builder, value->string);
    }
}

static void add_flash_unit(JsonBuilder *builder, const FlashUnit *unit) {
    json_builder_begin_object(builder);
    for (const FlashKey *key = flash_keys; key->name; key++) {
        gconstpointer field = flash_unit_get(unit, key);

        if (key->type == 's')
            add_string(builder, key->name, *(char *const *)field);
        else if (key->type == 'b')
            add_boolean(builder, key->name, *(const gboolean *)field);
        else
            add_number(builder, key->name, flash_unit_get_number(unit, key));
    }
    json_builder_end_object(builder);
}

static void add_flash(JsonBuilder *builder, const GPtrArray *units) {
    json_builder_set_member_name(builder, "flash");
    json_builder_begin_array(builder);
    for (guint i = 0; i < units->len; i++)
        add_flash_unit(builder, units->pdata[i]);
    json_builder_end_array(builder);
}

static void add_firmware(JsonBuilder *builder, const Resolution *resolution) {
    gsize size;
    const char *text = g_bytes_get_data(resolution->descriptor->document, &size);
    g_autofree char *document = g_strndup(text, size);

    begin_object(builder, "firmware");
    add_string(builder, "name", resolution->name);
    add_string(builder, "path", resolution->path);
    /* The whole descriptor: every value of a resolution that is not computed comes from it. */
    add_string(builder, "document", document);
    json_builder_end_object(builder);
}

static void add_unknown_members(JsonBuilder *builder, const char *unknown) {
    g_autoptr(JsonNode) root = json_from_string(unknown, NULL);
    JsonObjectIter iter;
    const char *name;
    JsonNode *value;

    json_object_iter_init(&iter, json_node_get_object(root));
    while (json_object_iter_next(&iter, &name, &value)) {
        json_builder_set_member_name(builder, name);
        json_builder_add_value(builder, json_node_copy(value));
    }
}

char *pin_to_json(const Pin *pin) {
    g_autoptr(JsonBuilder) builder = json_builder_new_immutable();
    g_autoptr(JsonNode) root = NULL;
    g_autofree char *text = NULL;
    const Resolution *resolution = pin->resolution;

    json_builder_begin_object(builder);
    add_number(builder, "version", PIN_VERSION);
    add_number(builder, "created", pin->created);
    if (pin->reference)
        add_string(builder, "reference", pin->reference);
    add_string(builder, "architecture", resolution->architecture);
    add_string(builder, "machine", pin->machine);
    add_string(builder, "canonical-machine", pin->canonical);
    add_string(builder, "qemu-machine", resolution->machine);
    add_boolean(builder, "pflash-properties", resolution->has_pflash_properties);
    add_boolean(builder, "fixed-flash", resolution->has_fixed_flash);
    if (resolution->s3_device)
        add_string(builder, "s3-device", resolution->s3_device);
    begin_object(builder, "requirements");
    request_visit_requirements(pin->request, add_requirement, builder);
    json_builder_end_object(builder);
    add_firmware(builder, resolution);
    add_number(builder, "executable-size", resolution->executable_size);
    add_string(builder, "executable-digest", pin->executable_digest);
    add_number(builder, "nvram-template-size", resolution->nvram_template_size);
    add_string(builder, "nvram-template-digest", pin->template_digest);
    add_boolean(builder, "own-nvram-template", pin->has_own_template);
    if (pin->enrolled) {
        const RequestValue enrolled = {
                .type = REQUEST_VALUE_STRINGS, .strings = (const char *const *)pin->enrolled};

        add_requirement("enrolled", &enrolled, builder);
    }
    if (pin->has_nvram) {
        add_string(builder, "nvram-format", image_format_to_string(pin->nvram_format));
        add_number(builder, "nvram-size", pin->nvram_size);
    }
    if (resolution->flash)
        add_flash(builder, resolution->flash);
    if (pin->unknown)
        add_unknown_members(builder, pin->unknown);
    json_builder_end_object(builder);

    root = json_builder_get_root(builder);
    text = json_to_string(root, TRUE);
    return lexical_escape(text);
}
