/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/resolution.h"

#include "bus/append.h"
#include "bus/error.h"
#include "bus/vm-call.h"
#include "core/render.h"

static int append_image(
        sd_bus_message *reply, const char *key, const DescriptorImage *image, guint64 size) {
    return sd_bus_message_append(
            reply, "{sv}", key, "a{sv}", 3, "filename", "s", image->filename, "format", "s",
            image->format, "size", "t", size);
}

static int append_flash_value(sd_bus_message *reply, const FlashKey *key, const FlashUnit *unit) {
    gconstpointer field = flash_unit_get(unit, key);
    const char signature[] = {key->type, '\0'};
    int r;

    r = bus_open_entry(reply, key->name, signature);
    if (r < 0)
        return r;
    /* a string is given by itself, any other value by its address */
    r = sd_bus_message_append_basic(
            reply, key->type, key->type == 's' ? *(char *const *)field : field);
    if (r < 0)
        return r;
    return bus_close_entry(reply);
}

static int append_flash_unit(sd_bus_message *reply, gconstpointer unit) {
    int r;

    r = sd_bus_message_open_container(reply, 'a', "{sv}");
    if (r < 0)
        return r;
    for (const FlashKey *key = flash_keys; key->name; key++) {
        r = append_flash_value(reply, key, unit);
        if (r < 0)
            return r;
    }
    return sd_bus_message_close_container(reply);
}

static int append_flash(sd_bus_message *reply, const GPtrArray *units) {
    int r;

    r = bus_open_entry(reply, "flash", "aa{sv}");
    if (r < 0)
        return r;
    r = bus_append_array(reply, "a{sv}", units, append_flash_unit);
    if (r < 0)
        return r;
    return bus_close_entry(reply);
}

static int append_machine_properties(sd_bus_message *reply, const Resolution *resolution) {
    if (resolution_needs_smm(resolution))
        return sd_bus_message_append(reply, "{sv}", "machine-properties", "a{ss}", 1, "smm", "on");
    return sd_bus_message_append(reply, "{sv}", "machine-properties", "a{ss}", 0);
}

static int append_global_properties(sd_bus_message *reply, const Resolution *resolution) {
    if (resolution_needs_secure_flash(resolution)) {
        const FlashUnit *unit = resolution->flash->pdata[0];
        return sd_bus_message_append(
                reply, "{sv}", "global-properties", "a(sss)", 1, unit->driver, "secure", "on");
    }
    return sd_bus_message_append(reply, "{sv}", "global-properties", "a(sss)", 0);
}

static int append_rendering(
        sd_bus_message *reply, const char *key, GStrv arguments, const GError *error,
        sd_bus_error *ret_error) {
    if (!arguments)
        return bus_error_set(ret_error, error);
    return bus_append_strv(reply, key, (const char *const *)arguments);
}

static int append_renderings(
        sd_bus_message *reply, const Resolution *resolution, const Request *request,
        sd_bus_error *ret_error) {
    int r;

    if (request->render & REQUEST_RENDER_QEMU) {
        g_autoptr(GError) error = NULL;
        g_auto(GStrv) arguments = render_qemu(resolution, &error);

        r = append_rendering(reply, "qemu-arguments", arguments, error, ret_error);
        if (r < 0)
            return r;
    }
    if (request->render & REQUEST_RENDER_QEMU_LEGACY) {
        g_autoptr(GError) error = NULL;
        g_auto(GStrv) arguments = render_qemu_legacy(resolution, &error);

        r = append_rendering(reply, "qemu-legacy-arguments", arguments, error, ret_error);
        if (r < 0)
            return r;
    }
    if (request->render & REQUEST_RENDER_LIBVIRT) {
        g_autoptr(GError) error = NULL;
        g_autofree char *xml = render_libvirt(resolution, &error);

        return xml ? bus_append_string(reply, "libvirt-xml", xml) : bus_error_set(ret_error, error);
    }
    return 0;
}

static int append_descriptor(sd_bus_message *reply, const Descriptor *descriptor) {
    int r;

    r = bus_append_string(reply, "description", descriptor->description);
    if (r < 0)
        return r;
    r = bus_append_strv(reply, "interface-types", (const char *const *)descriptor->interface_types);
    if (r < 0)
        return r;
    r = bus_append_strv(reply, "features", (const char *const *)descriptor->features);
    if (r < 0)
        return r;
    r = bus_append_string(reply, "device", firmware_device_to_string(descriptor->device));
    if (r < 0)
        return r;
    return bus_append_string(reply, "mode", firmware_mode_to_string(descriptor->mode));
}

static int append_entries(
        sd_bus_message *reply, const Resolution *resolution, const Request *request,
        sd_bus_error *ret_error) {
    int r;

    r = bus_append_string(reply, "name", resolution->name);
    if (r < 0)
        return r;
    r = bus_append_string(reply, "descriptor", resolution->path);
    if (r < 0)
        return r;
    r = bus_append_string(reply, "architecture", resolution->architecture);
    if (r < 0)
        return r;
    r = bus_append_string(reply, "machine", resolution->machine);
    if (r < 0)
        return r;
    r = append_descriptor(reply, resolution->descriptor);
    if (r < 0)
        return r;
    r = append_image(
            reply, "executable", &resolution->descriptor->executable, resolution->executable_size);
    if (r < 0)
        return r;
    if (resolution->descriptor->nvram_template.filename) {
        r = append_image(
                reply, "nvram-template", &resolution->descriptor->nvram_template,
                resolution->nvram_template_size);
        if (r < 0)
            return r;
    }
    if (resolution->flash) {
        r = append_flash(reply, resolution->flash);
        if (r < 0)
            return r;
    }
    r = append_machine_properties(reply, resolution);
    if (r < 0)
        return r;
    r = append_global_properties(reply, resolution);
    if (r < 0)
        return r;
    return append_renderings(reply, resolution, request, ret_error);
}

/* -- answers ----------------------------------------------------------------------------- */

int bus_append_resolution(
        sd_bus_message *reply, const Resolution *resolution, const Request *request,
        sd_bus_error *ret_error) {
    int r;

    r = sd_bus_message_open_container(reply, 'a', "{sv}");
    if (r < 0)
        return r;
    r = append_entries(reply, resolution, request, ret_error);
    if (r < 0)
        return r;
    return sd_bus_message_close_container(reply);
}

static int append_nvram(sd_bus_message *reply, const VMCall *call, const Pin *pin) {
    g_autofree char *name = vmstore_nvram_name(pin->nvram_format);
    g_autofree char *filename = vmstore_path(call->op.store, call->owner, call->id, name);

    return sd_bus_message_append(
            reply, "{sv}", "nvram", "a{sv}", 4, "filename", "s", filename, "format", "s",
            image_format_to_string(pin->nvram_format), "size", "t", pin->nvram_size, "created", "b",
            (int)call->op.is_created);
}

int bus_append_vm_resolution(sd_bus_message *reply, const VMCall *call, sd_bus_error *ret_error) {
    const VMOp *op = &call->op;
    const Pin *pin = op->new_pin ? op->new_pin : op->pin;
    gboolean was_pinned = op->pin != NULL && call->request->call == REQUEST_CALL_PREPARE;
    int r;

    r = sd_bus_message_open_container(reply, 'a', "{sv}");
    if (r < 0)
        return r;
    r = append_entries(reply, op->resolution, call->request, ret_error);
    if (r < 0)
        return r;
    if (pin->has_nvram) {
        r = append_nvram(reply, call, pin);
        if (r < 0)
            return r;
    }
    r = sd_bus_message_append(reply, "{sv}", "pinned", "b", was_pinned);
    if (r < 0)
        return r;
    r = bus_append_words(reply, "changed", op->changed);
    if (r < 0)
        return r;
    if (op->lease >= 0) {
        r = sd_bus_message_append(reply, "{sv}", "lease", "h", op->lease);
        if (r < 0)
            return r;
    }
    return sd_bus_message_close_container(reply);
}
