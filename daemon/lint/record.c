/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lint/record.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "base/error.h"
#include "base/lexical.h"
#include "core/catalog-file.h"
#include "core/pair.h"
#include "core/parse.h"
#include "lint/targets.h"
#include "base/text.h"

#define INDENT 4

G_GNUC_PRINTF(3, 4)
static gboolean failed(GError **error, FirmwareError code, const char *format, ...) {
    g_autofree char *text = NULL;
    g_autofree char *printable = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    printable = text_make_printable(text);
    g_set_error_literal(error, FIRMWARE_ERROR, (int)code, printable);
    return FALSE;
}

/* -- the geometry ------------------------------------------------------------------------ */

/* The geometry on the machines of the targets so far. */
typedef struct Geometry {
    GPtrArray *units;  /* of FlashUnit; NULL: no machine fits so far */
    char *machine;     /* the machine of UNITS */
    char *reason;      /* the reason against the first machine that does not fit */
    gboolean is_known; /* the machine table knows a board of the current target */
    GError *error;
} Geometry;

static void geometry_clear(Geometry *geometry) {
    g_clear_pointer(&geometry->units, g_ptr_array_unref);
    g_free(geometry->machine);
    g_free(geometry->reason);
    g_clear_error(&geometry->error);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Geometry, geometry_clear)

static gboolean compare_units(Geometry *geometry, const TargetFit *fit) {
    for (guint i = 0; i < fit->units->len; i++)
        for (const FlashKey *key = flash_keys; key->name; key++)
            if (key->recordable &&
                !flash_unit_equal(fit->units->pdata[i], geometry->units->pdata[i], key))
                return failed(
                        &geometry->error, FIRMWARE_ERROR_NOT_SUPPORTED,
                        "no record serves all targets: %s of unit %u on %s is not that on %s",
                        key->name, i, fit->machine->canonical, geometry->machine);
    return TRUE;
}

/* The record has no effect on a machine that does not fit. */
static gboolean add_machine(const TargetFit *fit, gpointer userdata) {
    Geometry *geometry = userdata;

    if (!fit->machine->board)
        return TRUE;
    geometry->is_known = TRUE;
    if (!fit->fits) {
        if (!geometry->reason)
            geometry->reason = g_strdup(fit->reasons->pdata[0]);
        return TRUE;
    }
    if (geometry->units)
        return compare_units(geometry, fit);

    geometry->units = g_ptr_array_ref((GPtrArray *)fit->units);
    geometry->machine = g_strdup(fit->machine->canonical);
    return TRUE;
}

static gboolean add_target(
        Geometry *geometry, const Descriptor *descriptor, const FirmwareImages *images,
        const DescriptorTarget *target, const MachineTable *machines) {
    for (char **glob = target->machines; *glob; glob++) {
        geometry->is_known = FALSE;
        targets_visit(
                descriptor, images, machines, target->architecture, *glob, add_machine, geometry);
        if (geometry->error)
            return FALSE;
        if (!geometry->is_known)
            return failed(
                    &geometry->error, FIRMWARE_ERROR_NOT_SUPPORTED,
                    "the machine table does not know the target %s of %s, and what is recorded "
                    "would be its geometry",
                    *glob, target->architecture);
    }
    return TRUE;
}

static gboolean probe_images(const Descriptor *descriptor, FirmwareImages *ret, GError **error) {
    g_autoptr(GHashTable) known_images = catalog_images_new();
    const CatalogReading reading = {.is_first = TRUE, .images = known_images};
    g_autoptr(GPtrArray) reasons = g_ptr_array_new_with_free_func(g_free);

    if (!catalog_file_probe_images(&reading, descriptor, ret, error))
        return FALSE;
    if (catalog_file_check_images(descriptor, ret, reasons) && pair_check(descriptor, ret, reasons))
        return TRUE;
    return failed(error, FIRMWARE_ERROR_IMAGE_UNUSABLE, "%s", (const char *)reasons->pdata[0]);
}

/* Returns the units that all targets share, or NULL. */
static GPtrArray *find_units(
        const Descriptor *descriptor, const MachineTable *machines, GError **error) {
    g_auto(Geometry) geometry = {};
    FirmwareImages images;

    if (descriptor->device != FIRMWARE_DEVICE_FLASH) {
        (void)failed(
                error, FIRMWARE_ERROR_NOT_SUPPORTED, "device %s has no flash geometry",
                firmware_device_to_string(descriptor->device));
        return NULL;
    }
    if (!probe_images(descriptor, &images, error))
        return NULL;

    for (guint i = 0; i < descriptor->targets->len; i++)
        if (!add_target(&geometry, descriptor, &images, descriptor->targets->pdata[i], machines)) {
            g_propagate_error(error, g_steal_pointer(&geometry.error));
            return NULL;
        }
    if (geometry.units)
        return g_steal_pointer(&geometry.units);

    (void)failed(error, FIRMWARE_ERROR_IMAGE_UNUSABLE, "%s", geometry.reason);
    return NULL;
}

/* -- the document ------------------------------------------------------------------------ */

static void set_value(JsonObject *record, const FlashKey *key, const FlashUnit *unit) {
    gconstpointer field = flash_unit_get(unit, key);

    switch (key->type) {
    case 'b':
        json_object_set_boolean_member(record, key->name, *(const gboolean *)field);
        break;
    case 's':
        json_object_set_string_member(record, key->name, *(char *const *)field);
        break;
    default:
        json_object_set_int_member(record, key->name, (gint64)flash_unit_get_number(unit, key));
        break;
    }
}

/* Keeps unknown members. */
static void set_record(JsonObject *mapping, const char *image_name, const FlashUnit *unit) {
    JsonObject *image = json_object_get_object_member(mapping, image_name);
    JsonObject *record;

    if (!json_object_has_member(image, "flash"))
        json_object_set_object_member(image, "flash", json_object_new());
    record = json_object_get_object_member(image, "flash");
    for (const FlashKey *key = flash_keys; key->name; key++)
        if (key->recordable)
            set_value(record, key, unit);
}

/* json-glib overflows silently on a larger integer. */
#define MAX_DIGITS 18

static gboolean keeps_numbers(const char *text, gsize size) {
    gboolean is_in_string = FALSE;
    guint n_digits = 0;

    for (gsize i = 0; i < size; i++) {
        if (is_in_string && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            is_in_string = !is_in_string;
        n_digits = !is_in_string && g_ascii_isdigit(text[i]) ? n_digits + 1 : 0;
        if (n_digits > MAX_DIGITS)
            return FALSE;
    }
    return TRUE;
}

/* DOCUMENT is a valid descriptor with device flash. */
static char *write_document(GBytes *document, const GPtrArray *units, GError **error) {
    g_autoptr(JsonParser) parser = json_parser_new();
    g_autoptr(JsonGenerator) generator = json_generator_new();
    g_autofree char *text = NULL;
    g_autofree char *escaped = NULL;
    JsonNode *root;
    JsonObject *mapping;
    gsize size;
    const char *data = g_bytes_get_data(document, &size);
    gboolean is_loaded = json_parser_load_from_data(parser, data, (gssize)size, NULL);

    g_assert(is_loaded);
    if (!keeps_numbers(data, size)) {
        (void)failed(
                error, FIRMWARE_ERROR_NOT_SUPPORTED,
                "the descriptor cannot be written again: it holds a number of more than %d digits",
                MAX_DIGITS);
        return NULL;
    }

    root = json_parser_get_root(parser);
    mapping = json_object_get_object_member(json_node_get_object(root), "mapping");
    set_record(mapping, "executable", units->pdata[0]);
    if (units->len > 1)
        set_record(mapping, "nvram-template", units->pdata[1]);

    json_generator_set_pretty(generator, TRUE);
    json_generator_set_indent(generator, INDENT);
    json_generator_set_root(generator, root);
    text = json_generator_to_data(generator, NULL);
    escaped = lexical_escape(text);
    return g_strconcat(escaped, "\n", NULL);
}

/* Checks that the service accepts it. */
static gboolean check_document(const char *text, GError **error) {
    g_autoptr(GBytes) bytes = g_bytes_new_static(text, strlen(text));
    g_autoptr(Descriptor) descriptor = NULL;
    g_autoptr(GError) parse_error = NULL;

    if (g_bytes_get_size(bytes) > PARSE_MAX_SIZE)
        return failed(
                error, FIRMWARE_ERROR_LIMITS_EXCEEDED,
                "with its geometry the descriptor is larger than %d bytes", PARSE_MAX_SIZE);
    descriptor = parse_descriptor(bytes, &parse_error);
    if (descriptor)
        return TRUE;
    /* a number larger than any double */
    return failed(
            error, FIRMWARE_ERROR_NOT_SUPPORTED, "the descriptor cannot be written again: %s",
            parse_error->message);
}

char *record_geometry(GBytes *document, const MachineTable *machines, GError **error) {
    g_autoptr(Descriptor) descriptor = parse_descriptor(document, error);
    g_autoptr(GPtrArray) units = NULL;
    g_autofree char *text = NULL;

    if (!descriptor)
        return NULL;
    units = find_units(descriptor, machines, error);
    if (!units)
        return NULL;

    text = write_document(document, units, error);
    if (!text || !check_document(text, error))
        return NULL;
    return g_steal_pointer(&text);
}
