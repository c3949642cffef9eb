/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/firmware.h"

#include <stddef.h>

#include "bus/append.h"
#include "bus/state.h"
#include "bus/names.h"

/* org.vmfirmware1.Firmware, one object for each effective descriptor. */

char *bus_firmware_path(const char *name) {
    char *path;

    /* fails for lack of memory alone, and GLib does not survive that either */
    if (sd_bus_path_encode(BUS_FIRMWARE_PATH, name, &path) < 0)
        g_error("out of memory");
    return path;
}

static int get_string(
        sd_bus *connection, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
    return sd_bus_message_append(reply, "s", *(char **)userdata);
}

static int get_strv(
        sd_bus *connection, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
    return sd_bus_message_append_strv(reply, *(GStrv *)userdata);
}

static int get_layer(
        sd_bus *connection, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
    const CatalogFile *file = userdata;

    return sd_bus_message_append(reply, "s", firmware_layer_to_string(file->layer));
}

static int get_state(
        sd_bus *connection, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
    const CatalogFile *file = userdata;

    return sd_bus_message_append(reply, "s", firmware_state_to_string(file->state));
}

static int get_rank(
        sd_bus *connection, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
    const CatalogFile *file = userdata;
    const Bus *bus = sd_bus_slot_get_userdata(sd_bus_get_current_slot(connection));

    return sd_bus_message_append(
            reply, "u", catalog_get_rank(live_catalog_get_catalog(bus->live), file));
}

/* The rest is the descriptor's, and empty where the file is invalid. */

static int get_description(
        sd_bus *connection, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
    const Descriptor *descriptor = ((const CatalogFile *)userdata)->descriptor;

    return sd_bus_message_append(reply, "s", descriptor ? descriptor->description : "");
}

static int get_device(
        sd_bus *connection, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
    const Descriptor *descriptor = ((const CatalogFile *)userdata)->descriptor;

    return sd_bus_message_append(
            reply, "s", descriptor ? firmware_device_to_string(descriptor->device) : "");
}

static int get_mode(
        sd_bus *connection, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
    const Descriptor *descriptor = ((const CatalogFile *)userdata)->descriptor;

    return sd_bus_message_append(
            reply, "s", descriptor ? firmware_mode_to_string(descriptor->mode) : "");
}

static int get_interface_types(
        sd_bus *connection, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
    const Descriptor *descriptor = ((const CatalogFile *)userdata)->descriptor;

    return sd_bus_message_append_strv(reply, descriptor ? descriptor->interface_types : NULL);
}

static int get_features(
        sd_bus *connection, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
    const Descriptor *descriptor = ((const CatalogFile *)userdata)->descriptor;

    return sd_bus_message_append_strv(reply, descriptor ? descriptor->features : NULL);
}

static int get_tags(
        sd_bus *connection, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
    const Descriptor *descriptor = ((const CatalogFile *)userdata)->descriptor;

    return sd_bus_message_append_strv(reply, descriptor ? descriptor->tags : NULL);
}

static int append_image(sd_bus_message *reply, const DescriptorImage *image) {
    gboolean is_named = image && image->filename;

    return sd_bus_message_append(
            reply, "(ss)", is_named ? image->filename : "", is_named ? image->format : "");
}

static int get_executable(
        sd_bus *connection, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
    const Descriptor *descriptor = ((const CatalogFile *)userdata)->descriptor;

    return append_image(reply, descriptor ? &descriptor->executable : NULL);
}

static int get_nvram_template(
        sd_bus *connection, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
    const Descriptor *descriptor = ((const CatalogFile *)userdata)->descriptor;

    return append_image(reply, descriptor ? &descriptor->nvram_template : NULL);
}

static int append_target(sd_bus_message *reply, gconstpointer element) {
    const DescriptorTarget *target = element;
    int r;

    r = sd_bus_message_open_container(reply, 'r', "sas");
    if (r < 0)
        return r;
    r = sd_bus_message_append(reply, "s", target->architecture);
    if (r < 0)
        return r;
    r = sd_bus_message_append_strv(reply, target->machines);
    if (r < 0)
        return r;
    return sd_bus_message_close_container(reply);
}

static int get_targets(
        sd_bus *connection, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
    const Descriptor *descriptor = ((const CatalogFile *)userdata)->descriptor;

    return descriptor ? bus_append_array(reply, "(sas)", descriptor->targets, append_target)
                      : sd_bus_message_append(reply, "a(sas)", 0);
}

#define CONST_FLAG SD_BUS_VTABLE_PROPERTY_CONST
#define CHANGES_FLAG SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE

static const sd_bus_vtable bus_firmware_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Name", "s", get_string, offsetof(CatalogFile, name), CONST_FLAG),
        SD_BUS_PROPERTY("Path", "s", get_string, offsetof(CatalogFile, path), CHANGES_FLAG),
        SD_BUS_PROPERTY("Layer", "s", get_layer, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("State", "s", get_state, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("Problems", "as", get_strv, offsetof(CatalogFile, reasons), CHANGES_FLAG),
        SD_BUS_PROPERTY("Rank", "u", get_rank, 0, 0),
        SD_BUS_PROPERTY("Description", "s", get_description, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("InterfaceTypes", "as", get_interface_types, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("Device", "s", get_device, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("Mode", "s", get_mode, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("Executable", "(ss)", get_executable, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("NVRAMTemplate", "(ss)", get_nvram_template, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("Targets", "a(sas)", get_targets, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("Features", "as", get_features, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("Tags", "as", get_tags, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY(
                "Overrides", "as", get_strv, offsetof(CatalogFile, overrides), CHANGES_FLAG),
        SD_BUS_VTABLE_END,
};

/* Which property each field of a difference is. */
static const struct {
    CatalogField field;
    const char *property;
} field_properties[] = {
        {CATALOG_FIELD_PATH, "Path"},
        {CATALOG_FIELD_LAYER, "Layer"},
        {CATALOG_FIELD_STATE, "State"},
        {CATALOG_FIELD_REASONS, "Problems"},
        {CATALOG_FIELD_DESCRIPTION, "Description"},
        {CATALOG_FIELD_INTERFACE_TYPES, "InterfaceTypes"},
        {CATALOG_FIELD_DEVICE, "Device"},
        {CATALOG_FIELD_MODE, "Mode"},
        {CATALOG_FIELD_EXECUTABLE, "Executable"},
        {CATALOG_FIELD_NVRAM_TEMPLATE, "NVRAMTemplate"},
        {CATALOG_FIELD_TARGETS, "Targets"},
        {CATALOG_FIELD_FEATURES, "Features"},
        {CATALOG_FIELD_TAGS, "Tags"},
        {CATALOG_FIELD_OVERRIDES, "Overrides"},
};

static int find_firmware(
        sd_bus *connection, const char *path, const char *interface, void *userdata,
        void **ret_found, sd_bus_error *ret_error) {
    Bus *bus = userdata;
    const Catalog *catalog = live_catalog_get_catalog(bus->live);
    const CatalogFile *file;
    char *name = NULL;
    int r;

    r = sd_bus_path_decode(path, BUS_FIRMWARE_PATH, &name);
    if (r <= 0)
        return r;

    file = catalog_find(catalog, name);
    free(name);
    if (!file)
        return 0;

    *ret_found = (void *)file;
    return 1;
}

static int list_firmware(
        sd_bus *connection, const char *prefix, void *userdata, char ***ret_nodes,
        sd_bus_error *ret_error) {
    Bus *bus = userdata;
    const Catalog *catalog = live_catalog_get_catalog(bus->live);
    char **nodes = g_new0(char *, catalog->firmware->len + 1);

    for (guint i = 0; i < catalog->firmware->len; i++)
        nodes[i] = bus_firmware_path(((const CatalogFile *)catalog->firmware->pdata[i])->name);
    *ret_nodes = nodes;
    return 1;
}

int bus_firmware_add(Bus *bus) {
    int r;

    r = sd_bus_add_object_manager(bus->connection, NULL, BUS_FIRMWARE_PATH);
    if (r < 0)
        return r;
    r = sd_bus_add_fallback_vtable(
            bus->connection, NULL, BUS_FIRMWARE_PATH, BUS_FIRMWARE_INTERFACE, bus_firmware_vtable,
            find_firmware, bus);
    if (r < 0)
        return r;
    return sd_bus_add_node_enumerator(bus->connection, NULL, BUS_FIRMWARE_PATH, list_firmware, bus);
}

/* While the old catalog is in force: sd-bus looks at an object to tell which interfaces go. */
int bus_firmware_emit_removed(Bus *bus, const CatalogChange *change) {
    for (guint i = 0; i < change->removed->len; i++) {
        g_autofree char *path =
                bus_firmware_path(((const CatalogFile *)change->removed->pdata[i])->name);
        int r;

        r = sd_bus_emit_object_removed(bus->connection, path);
        if (r < 0)
            return r;
    }
    return 0;
}

static int emit_properties_changed(Bus *bus, const CatalogFile *file, guint fields) {
    g_autofree char *path = bus_firmware_path(file->name);
    const char *names[G_N_ELEMENTS(field_properties) + 1] = {};
    gsize n = 0;

    for (gsize i = 0; i < G_N_ELEMENTS(field_properties); i++)
        if (fields & field_properties[i].field)
            names[n++] = field_properties[i].property;

    return sd_bus_emit_properties_changed_strv(
            bus->connection, path, BUS_FIRMWARE_INTERFACE, (char **)names);
}

int bus_firmware_emit_published(Bus *bus, const CatalogChange *change) {
    int r;

    for (guint i = 0; i < change->added->len; i++) {
        g_autofree char *path =
                bus_firmware_path(((const CatalogFile *)change->added->pdata[i])->name);

        r = sd_bus_emit_object_added(bus->connection, path);
        if (r < 0)
            return r;
    }
    for (guint i = 0; i < change->changed->len; i++) {
        r = emit_properties_changed(
                bus, change->changed->pdata[i], g_array_index(change->fields, guint, i));
        if (r < 0)
            return r;
    }
    return 0;
}
