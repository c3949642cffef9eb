/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/pin.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "base/error.h"
#include "base/lexical.h"
#include "core/parse.h"
#include "base/text.h"

static void pin_clear(gpointer data) {
    Pin *pin = data;

    g_free(pin->reference);
    if (pin->lender) {
        pin_unref(pin->lender);
        return;
    }
    g_free(pin->machine);
    g_free(pin->canonical);
    request_free(pin->request);
    resolution_free(pin->resolution);
    g_free(pin->executable_digest);
    g_free(pin->template_digest);
    g_strfreev(pin->enrolled);
    g_free(pin->unknown);
}

Pin *pin_new(const Pin *values) {
    Pin *pin = g_atomic_rc_box_new0(Pin);

    *pin = *values;
    return pin;
}

Pin *pin_ref(const Pin *pin) {
    return g_atomic_rc_box_acquire((gpointer)pin);
}

void pin_unref(const Pin *pin) {
    if (pin)
        g_atomic_rc_box_release_full((gpointer)pin, pin_clear);
}

static Pin *copy_pin(const Pin *pin) {
    Pin *copy = pin_new(pin);

    copy->reference = g_strdup(pin->reference);
    copy->machine = g_strdup(pin->machine);
    copy->canonical = g_strdup(pin->canonical);
    copy->request = request_copy_requirements(pin->request);
    copy->resolution = resolution_copy(pin->resolution);
    copy->executable_digest = g_strdup(pin->executable_digest);
    copy->template_digest = g_strdup(pin->template_digest);
    copy->enrolled = g_strdupv(pin->enrolled);
    copy->unknown = g_strdup(pin->unknown);
    copy->lender = NULL;
    return copy;
}

const Pin *pin_get_lender(const Pin *pin) {
    return pin->lender ? pin->lender : pin;
}

Pin *pin_borrow(const Pin *pin, guint64 created, const char *reference) {
    Pin *borrower = pin_new(pin);

    borrower->lender = pin_ref(pin_get_lender(pin));
    borrower->created = created;
    borrower->reference = g_strdup(reference);
    return borrower;
}

Pin *pin_with(const Pin *pin, const Machine *machine, const char *asked, const char *reference) {
    Pin *copy = copy_pin(pin);

    if (machine) {
        g_free(copy->machine);
        copy->machine = g_strdup(asked);
        g_free(copy->canonical);
        copy->canonical = g_strdup(machine->canonical);
        g_free(copy->resolution->machine);
        copy->resolution->machine = g_strdup(machine->name);
    }
    if (reference) {
        g_free(copy->reference);
        copy->reference = *reference ? g_strdup(reference) : NULL;
    }
    return copy;
}

Pin *pin_for_clone(const Pin *pin, guint64 created) {
    Pin *copy = pin_with(pin, NULL, NULL, "");

    copy->created = created;
    return copy;
}

/* The members of a record that this version reads. */
static gboolean is_known_member(const char *name) {
    static const char *const names[] = {
            "version",
            "created",
            "reference",
            "architecture",
            "machine",
            "canonical-machine",
            "qemu-machine",
            "pflash-properties",
            "fixed-flash",
            "s3-device",
            "requirements",
            "firmware",
            "executable-size",
            "executable-digest",
            "nvram-template-size",
            "nvram-template-digest",
            "own-nvram-template",
            "enrolled",
            "nvram-format",
            "nvram-size",
            "flash",
            NULL};
    return g_strv_contains(names, name);
}

/* -- reading ----------------------------------------------------------------------------- */

static gboolean bad_record(GError **error, const char *member) {
    g_autofree char *name = text_make_valid(member);

    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_IO, "member \"%s\" is missing or wrong", name);
    return FALSE;
}

static gboolean holds(JsonNode *node, GType type) {
    return node && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == type;
}

/* NULL where NODE is no string, or one that the bus rejects: every string of a record goes
 * there. */
static const char *get_text(JsonNode *node) {
    const char *text = holds(node, G_TYPE_STRING) ? json_node_get_string(node) : NULL;

    return text && text_is_valid(text) ? text : NULL;
}

static gboolean get_string(JsonObject *object, const char *member, char **ret, GError **error) {
    const char *text = get_text(json_object_get_member(object, member));

    if (!text)
        return bad_record(error, member);
    *ret = g_strdup(text);
    return TRUE;
}

static gboolean get_number(JsonObject *object, const char *member, guint64 *ret, GError **error) {
    JsonNode *node = json_object_get_member(object, member);

    if (!holds(node, G_TYPE_INT64) || json_node_get_int(node) < 0)
        return bad_record(error, member);
    *ret = (guint64)json_node_get_int(node);
    return TRUE;
}

static gboolean get_boolean(JsonObject *object, const char *member, gboolean *ret, GError **error) {
    JsonNode *node = json_object_get_member(object, member);

    if (!holds(node, G_TYPE_BOOLEAN))
        return bad_record(error, member);
    *ret = json_node_get_boolean(node);
    return TRUE;
}

static gboolean get_requirement(Request *request, const char *key, JsonNode *node, GError **error) {
    g_auto(GStrv) strings = NULL;
    const char *text = get_text(node);
    RequestValue value = {};

    if (text) {
        value = (RequestValue){.type = REQUEST_VALUE_STRING, .string = text};
    } else if (holds(node, G_TYPE_BOOLEAN)) {
        value = (RequestValue){.type = REQUEST_VALUE_BOOLEAN,
                               .boolean = json_node_get_boolean(node)};
    } else if (holds(node, G_TYPE_INT64) && json_node_get_int(node) >= 0) {
        value = (RequestValue){.type = REQUEST_VALUE_SIZE,
                               .size = (guint64)json_node_get_int(node)};
    } else if ((strings = lexical_get_strings(node))) {
        value = (RequestValue){.type = REQUEST_VALUE_STRINGS,
                               .strings = (const char *const *)strings};
    }
    return request_set(request, key, &value, NULL) || bad_record(error, key);
}

static gboolean get_requirements(JsonObject *object, Pin *pin, GError **error) {
    JsonNode *node = json_object_get_member(object, "requirements");
    JsonObjectIter iter;
    const char *key;
    JsonNode *value;

    if (!node || !JSON_NODE_HOLDS_OBJECT(node))
        return bad_record(error, "requirements");

    pin->request = request_new(REQUEST_CALL_PIN, NULL, NULL, error);
    if (!pin->request)
        return FALSE;

    json_object_iter_init(&iter, json_node_get_object(node));
    while (json_object_iter_next(&iter, &key, &value))
        if (!get_requirement(pin->request, key, value, error))
            return FALSE;
    return TRUE;
}

static gboolean get_flash_unit(JsonNode *node, GPtrArray *units) {
    g_autoptr(FlashUnit) unit = g_new0(FlashUnit, 1);

    if (!JSON_NODE_HOLDS_OBJECT(node))
        return FALSE;

    for (const FlashKey *key = flash_keys; key->name; key++) {
        JsonNode *value = json_object_get_member(json_node_get_object(node), key->name);
        const char *text = get_text(value);
        gboolean is_set = FALSE;

        if (text)
            is_set = flash_unit_set_string(unit, key, text);
        else if (holds(value, G_TYPE_BOOLEAN))
            is_set = flash_unit_set_boolean(unit, key, json_node_get_boolean(value));
        else if (holds(value, G_TYPE_INT64))
            is_set = flash_unit_set_number(unit, key, json_node_get_int(value));
        if (!is_set)
            return FALSE;
    }

    g_ptr_array_add(units, g_steal_pointer(&unit));
    return TRUE;
}

/* QEMU opens the file of each unit: it must be the VM's own, which a record leaves empty, or the
 * image of the descriptor, which parse has checked. */
static gboolean has_checked_file(const FlashUnit *unit, const Descriptor *descriptor) {
    return unit->filename[0] == '\0' ||
            g_str_equal(unit->filename, descriptor->executable.filename);
}

static gboolean get_flash(JsonObject *object, Resolution *resolution, GError **error) {
    JsonNode *node = json_object_get_member(object, "flash");
    JsonArray *array = node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
    gboolean is_flash = resolution->descriptor->device == FIRMWARE_DEVICE_FLASH;

    if (is_flash != (array && json_array_get_length(array) > 0))
        return bad_record(error, "flash");
    if (!is_flash)
        return TRUE;

    resolution->flash = g_ptr_array_new_with_free_func((GDestroyNotify)flash_unit_free);
    for (guint i = 0; i < json_array_get_length(array); i++)
        if (!get_flash_unit(json_array_get_element(array, i), resolution->flash) ||
            !has_checked_file(resolution->flash->pdata[i], resolution->descriptor))
            return bad_record(error, "flash");
    return TRUE;
}

GHashTable *pin_descriptors_new(void) {
    return g_hash_table_new_full(
            g_bytes_hash, g_bytes_equal, NULL, (GDestroyNotify)descriptor_unref);
}

static Descriptor *get_descriptor(GBytes *document, GHashTable *descriptors) {
    Descriptor *descriptor = descriptors ? g_hash_table_lookup(descriptors, document) : NULL;

    if (descriptor)
        return descriptor_ref(descriptor);
    descriptor = parse_descriptor(document, NULL);
    if (descriptor && descriptors)
        g_hash_table_insert(descriptors, descriptor->document, descriptor_ref(descriptor));
    return descriptor;
}

static gboolean get_firmware(
        JsonObject *object, GHashTable *descriptors, Resolution *resolution, GError **error) {
    JsonNode *node = json_object_get_member(object, "firmware");
    g_autofree char *document = NULL;
    g_autoptr(GBytes) bytes = NULL;
    JsonObject *firmware;

    if (!node || !JSON_NODE_HOLDS_OBJECT(node))
        return bad_record(error, "firmware");

    firmware = json_node_get_object(node);
    if (!get_string(firmware, "name", &resolution->name, error) ||
        !get_string(firmware, "path", &resolution->path, error) ||
        !get_string(firmware, "document", &document, error))
        return FALSE;
    if (!g_path_is_absolute(resolution->path))
        return bad_record(error, "path");

    bytes = g_bytes_new(document, strlen(document));
    resolution->descriptor = get_descriptor(bytes, descriptors);
    return resolution->descriptor || bad_record(error, "document");
}

static gboolean get_nvram(JsonObject *object, Pin *pin, GError **error) {
    g_autofree char *format = NULL;

    pin->has_nvram = json_object_has_member(object, "nvram-format");
    if (pin->has_nvram != descriptor_keeps_variables(pin->resolution->descriptor))
        return bad_record(error, "nvram-format");
    if (!pin->has_nvram)
        return TRUE;

    return get_string(object, "nvram-format", &format, error) &&
            (image_format_from_string(format, &pin->nvram_format) ||
             bad_record(error, "nvram-format")) &&
            get_number(object, "nvram-size", &pin->nvram_size, error);
}

/* A VM that was pinned before there was this member keeps its board. */
static gboolean get_s3_device(JsonObject *object, Resolution *resolution, GError **error) {
    return !json_object_has_member(object, "s3-device") ||
            get_string(object, "s3-device", &resolution->s3_device, error);
}

static gboolean get_reference(JsonObject *object, Pin *pin, GError **error) {
    return !json_object_has_member(object, "reference") ||
            get_string(object, "reference", &pin->reference, error);
}

static gboolean get_enrolled(JsonObject *object, Pin *pin, GError **error) {
    JsonNode *node = json_object_get_member(object, "enrolled");

    if (!node)
        return TRUE;
    pin->enrolled = lexical_get_strings(node);
    return pin->enrolled || bad_record(error, "enrolled");
}

static void get_unknown_members(JsonObject *object, Pin *pin) {
    g_autoptr(JsonObject) unknown = json_object_new();
    g_autoptr(JsonNode) root = json_node_new(JSON_NODE_OBJECT);
    JsonObjectIter iter;
    const char *name;
    JsonNode *value;

    json_object_iter_init(&iter, object);
    while (json_object_iter_next(&iter, &name, &value))
        if (!is_known_member(name))
            json_object_set_member(unknown, name, json_node_copy(value));
    if (json_object_get_size(unknown) == 0)
        return;
    json_node_set_object(root, unknown);
    pin->unknown = json_to_string(root, FALSE);
}

static gboolean read_record(JsonObject *object, GHashTable *descriptors, Pin *pin, GError **error) {
    Resolution *resolution = g_new0(Resolution, 1);
    guint64 version;

    pin->resolution = resolution;
    if (!get_number(object, "version", &version, error))
        return FALSE;
    if (version != PIN_VERSION) {
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_IO,
                "version %" G_GUINT64_FORMAT " of the record is none that this service knows",
                version);
        return FALSE;
    }

    get_unknown_members(object, pin);
    return get_number(object, "created", &pin->created, error) &&
            get_reference(object, pin, error) &&
            get_string(object, "architecture", &resolution->architecture, error) &&
            get_string(object, "machine", &pin->machine, error) &&
            get_string(object, "canonical-machine", &pin->canonical, error) &&
            get_string(object, "qemu-machine", &resolution->machine, error) &&
            get_boolean(object, "pflash-properties", &resolution->has_pflash_properties, error) &&
            get_boolean(object, "fixed-flash", &resolution->has_fixed_flash, error) &&
            get_s3_device(object, resolution, error) && get_requirements(object, pin, error) &&
            get_firmware(object, descriptors, resolution, error) &&
            get_number(object, "executable-size", &resolution->executable_size, error) &&
            get_string(object, "executable-digest", &pin->executable_digest, error) &&
            get_number(object, "nvram-template-size", &resolution->nvram_template_size, error) &&
            get_string(object, "nvram-template-digest", &pin->template_digest, error) &&
            get_boolean(object, "own-nvram-template", &pin->has_own_template, error) &&
            get_enrolled(object, pin, error) && get_nvram(object, pin, error) &&
            get_flash(object, resolution, error);
}

Pin *pin_from_json(GBytes *json, GHashTable *descriptors, GError **error) {
    const Pin nothing = {};
    gsize size;
    const char *text = g_bytes_get_data(json, &size);
    g_autoptr(JsonNode) root = lexical_read_object(text, size, error);
    g_autoptr(Pin) pin = NULL;

    if (!root)
        return NULL;
    pin = pin_new(&nothing);
    if (!read_record(json_node_get_object(root), descriptors, pin, error))
        return NULL;
    return g_steal_pointer(&pin);
}
