/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/firmware.h"

#include "bus/message-sink.h"
#include "bus/names.h"
#include "bus/state.h"
#include "core/answer.h"

/* org.vmfirmware1.Firmware, one object for each effective descriptor. */

char *bus_firmware_path(const char *name) {
    char *path;

    /* fails only without memory, and then GLib aborts as well */
    if (sd_bus_path_encode(BUS_FIRMWARE_PATH, name, &path) < 0)
        g_error("out of memory");
    return path;
}

static int get_property(
        sd_bus *connection, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
    const Bus *bus = sd_bus_slot_get_userdata(sd_bus_get_current_slot(connection));
    const FirmwareProperty *found = firmware_properties;
    MessageSink sink;

    while (!g_str_equal(found->name, property))
        found++;
    message_sink_init(&sink, reply);
    found->write(&sink.sink, live_catalog_get_catalog(bus->live), userdata);
    return sink.result;
}

#define CONST_FLAG SD_BUS_VTABLE_PROPERTY_CONST
#define CHANGES_FLAG SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE

static const sd_bus_vtable bus_firmware_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Name", "s", get_property, 0, CONST_FLAG),
        SD_BUS_PROPERTY("Path", "s", get_property, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("Layer", "s", get_property, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("State", "s", get_property, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("Problems", "as", get_property, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("Rank", "u", get_property, 0, 0),
        SD_BUS_PROPERTY("Description", "s", get_property, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("InterfaceTypes", "as", get_property, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("Device", "s", get_property, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("Mode", "s", get_property, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("Executable", "(ss)", get_property, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("NVRAMTemplate", "(ss)", get_property, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("SecureBoot", "s", get_property, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("Certificates", "a{ss}", get_property, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("Health", "s", get_property, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("Targets", "a(sas)", get_property, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("Features", "as", get_property, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("Tags", "as", get_property, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("Overrides", "as", get_property, 0, CHANGES_FLAG),
        SD_BUS_VTABLE_END,
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

/* Must be called while the old catalog is in force: sd-bus looks up an object to list the
 * interfaces that are removed. */
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
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (const FirmwareProperty *property = firmware_properties; property->name; property++)
        if (fields & property->field)
            g_ptr_array_add(names, (gpointer)property->name);
    g_ptr_array_add(names, NULL);

    return sd_bus_emit_properties_changed_strv(
            bus->connection, path, BUS_FIRMWARE_INTERFACE, (char **)names->pdata);
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
