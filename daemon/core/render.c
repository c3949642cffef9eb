/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/render.h"

#include <stdarg.h>
#include <string.h>

#include "base/error.h"
#include "core/needs.h"

/* Grows a NULL-terminated argument vector. */
static void add_arguments(GPtrArray *arguments, ...) {
    va_list list;
    const char *argument;

    va_start(list, arguments);
    while ((argument = va_arg(list, const char *)))
        g_ptr_array_add(arguments, g_strdup(argument));
    va_end(list);
}

/* In QEMU's "key=value,key=value" a comma in a value is doubled; nothing else is special. */
static void append_value(GString *option, const char *value) {
    for (const char *p = value; *p; p++) {
        if (*p == ',')
            g_string_append_c(option, ',');
        g_string_append_c(option, *p);
    }
}

static void append_option(GString *option, const char *key, const char *value) {
    g_string_append_printf(option, "%s%s=", option->len > 0 ? "," : "", key);
    append_value(option, value);
}

static const char *on_or_off(gboolean value) {
    return value ? "on" : "off";
}

/* -machine TYPE,smm=on,pflash0=…; the id of unit N's block node is "pflashN". */
static void add_machine(GPtrArray *arguments, const Resolution *resolution, gboolean with_pflash) {
    g_autoptr(GString) option = g_string_new(NULL);

    /* a name that looks like an option needs its key */
    if (strchr(resolution->machine, '='))
        append_option(option, "type", resolution->machine);
    else
        append_value(option, resolution->machine);
    if (resolution_needs_smm(resolution))
        append_option(option, "smm", "on");
    if (resolution_get_max_fw_size(resolution) > 0) {
        g_autofree char *size =
                g_strdup_printf("%" G_GUINT64_FORMAT, resolution_get_max_fw_size(resolution));
        append_option(option, "max-fw-size", size);
    }
    if (resolution->descriptor->device == FIRMWARE_DEVICE_IGVM)
        append_option(option, "igvm-cfg", "igvm0");

    for (guint i = 0; with_pflash && i < resolution->flash->len; i++) {
        g_autofree char *property = g_strdup_printf("pflash%u", i);
        append_option(option, property, property);
    }
    add_arguments(arguments, "-machine", option->str, NULL);
}

/* The short form driver.property=value does not work: the driver's name has a dot. */
static void add_global(
        const char *driver, const char *property, const char *value, gpointer arguments) {
    g_autoptr(GString) option = g_string_new(NULL);

    append_option(option, "driver", driver);
    append_option(option, "property", property);
    append_option(option, "value", value);
    add_arguments(arguments, "-global", option->str, NULL);
}

static void add_blockdev(GPtrArray *arguments, const FlashUnit *unit) {
    g_autofree char *node_name = g_strdup_printf("pflash%u", unit->unit);
    g_autofree char *file_node_name = g_strdup_printf("pflash%u-file", unit->unit);
    g_autoptr(GString) file = g_string_new(NULL);
    g_autoptr(GString) format = g_string_new(NULL);

    append_option(file, "driver", "file");
    append_option(file, "node-name", file_node_name);
    append_option(file, "read-only", on_or_off(unit->read_only));
    append_option(file, "filename", unit->filename);

    append_option(format, "driver", unit->format);
    append_option(format, "node-name", node_name);
    append_option(format, "read-only", on_or_off(unit->read_only));
    append_option(format, "file", file_node_name);

    add_arguments(arguments, "-blockdev", file->str, "-blockdev", format->str, NULL);
}

static void add_drive(GPtrArray *arguments, const FlashUnit *unit) {
    g_autofree char *number = g_strdup_printf("%u", unit->unit);
    g_autoptr(GString) option = g_string_new(NULL);

    append_option(option, "if", "pflash");
    append_option(option, "unit", number);
    append_option(option, "readonly", on_or_off(unit->read_only));
    append_option(option, "format", unit->format);
    append_option(option, "file", unit->filename);
    add_arguments(arguments, "-drive", option->str, NULL);
}

static void add_memory(GPtrArray *arguments, const Resolution *resolution) {
    add_arguments(arguments, "-bios", resolution->descriptor->executable.filename, NULL);
}

/* Without a store of the VM's own the device keeps the variables until QEMU ends. */
static void add_uefi_vars(GPtrArray *arguments, const Resolution *resolution) {
    g_autoptr(GString) option = g_string_new(qemu_uefi_vars_type(resolution->architecture));

    if (resolution->nvram_filename)
        append_option(option, "jsonfile", resolution->nvram_filename);
    if (resolution_forces_secure_boot(resolution))
        append_option(option, "force-secure-boot", "on");
    add_arguments(arguments, "-device", option->str, NULL);
}

static void add_igvm(GPtrArray *arguments, const Resolution *resolution) {
    g_autoptr(GString) option = g_string_new("igvm-cfg");

    append_option(option, "id", "igvm0");
    append_option(option, "file", resolution->descriptor->executable.filename);
    add_arguments(arguments, "-object", option->str, NULL);
}

gboolean render_check_copy(const Resolution *resolution, GError **error) {
    if (!descriptor_keeps_variables(resolution->descriptor) || resolution->nvram_filename)
        return TRUE;

    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_INVALID_ARGS,
            "render: firmware %s writes to a copy of its own, and nvram-filename does not say where "
            "it is",
            resolution->name);
    return FALSE;
}

static gboolean check_qemu(const Resolution *resolution, GError **error) {
    g_autofree char *version = qemu_version_to_string(resolution->qemu);

    if (!resolution->lacking)
        return TRUE;
    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_NOT_SUPPORTED,
            "render: QEMU%s%s for %s has no %s on %s, which firmware %s needs",
            resolution->qemu ? " " : "", resolution->qemu ? version : "", resolution->architecture,
            resolution->lacking, resolution->machine, resolution->name);
    return FALSE;
}

static GStrv render(const Resolution *resolution, gboolean use_properties, GError **error) {
    const Descriptor *descriptor = resolution->descriptor;
    g_autoptr(GPtrArray) arguments = g_ptr_array_new_with_free_func(g_free);
    gboolean is_flash = descriptor->device == FIRMWARE_DEVICE_FLASH;

    if (!render_check_copy(resolution, error) || !check_qemu(resolution, error))
        return NULL;

    add_machine(arguments, resolution, is_flash && use_properties);
    resolution_visit_globals(resolution, add_global, arguments);
    switch (descriptor->device) {
    case FIRMWARE_DEVICE_FLASH:
        for (guint i = 0; i < resolution->flash->len; i++) {
            if (use_properties)
                add_blockdev(arguments, resolution->flash->pdata[i]);
            else
                add_drive(arguments, resolution->flash->pdata[i]);
        }
        break;
    case FIRMWARE_DEVICE_MEMORY:
        add_memory(arguments, resolution);
        break;
    case FIRMWARE_DEVICE_KERNEL:
        add_arguments(arguments, "-kernel", resolution->descriptor->executable.filename, NULL);
        break;
    case FIRMWARE_DEVICE_IGVM:
        add_igvm(arguments, resolution);
        break;
    }

    if (needs_uefi_vars(descriptor))
        add_uefi_vars(arguments, resolution);

    g_ptr_array_add(arguments, NULL);
    return (GStrv)g_ptr_array_free(g_steal_pointer(&arguments), FALSE);
}

GStrv render_qemu(const Resolution *resolution, GError **error) {
    return render(resolution, resolution->has_pflash_properties, error);
}

GStrv render_qemu_legacy(const Resolution *resolution, GError **error) {
    return render(resolution, FALSE, error);
}

gboolean rendering_make(
        const Resolution *resolution, guint render, Rendering *ret, GError **error) {
    g_auto(Rendering) rendering = {};

    if ((render & REQUEST_RENDER_QEMU) && !(rendering.qemu = render_qemu(resolution, error)))
        return FALSE;
    if ((render & REQUEST_RENDER_QEMU_LEGACY) &&
        !(rendering.qemu_legacy = render_qemu_legacy(resolution, error)))
        return FALSE;
    if ((render & REQUEST_RENDER_LIBVIRT) &&
        !(rendering.libvirt = render_libvirt(resolution, error)))
        return FALSE;
    if ((render & REQUEST_RENDER_LIBVIRT_FIELDS) &&
        !(rendering.libvirt_fields = libvirt_fields_new(resolution, error)))
        return FALSE;

    *ret = rendering;
    rendering = (Rendering){};
    return TRUE;
}

void rendering_clear(Rendering *rendering) {
    g_clear_pointer(&rendering->qemu, g_strfreev);
    g_clear_pointer(&rendering->qemu_legacy, g_strfreev);
    g_clear_pointer(&rendering->libvirt, g_free);
    g_clear_pointer(&rendering->libvirt_fields, g_free);
}
