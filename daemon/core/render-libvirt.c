/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/render.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "core/architecture.h"

/*
 * The elements <os> and <features> as libvirt's formatdomain documents them. Uses attributes of
 * libvirt 9.0, except for three that firmware may need: format (libvirt 9.2), unless it is raw, the
 * architecture loongarch64 (10.1), and the element varstore (12.1).
 */

G_GNUC_PRINTF(2, 3)
static gboolean not_supported(GError **error, const char *format, ...) {
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_NOT_SUPPORTED, "render: libvirt cannot say %s",
            text);
    return FALSE;
}

/* -- architecture and machine ------------------------------------------------------------ */

static gboolean add_type(GString *xml, const Resolution *resolution, GError **error) {
    const char *architecture = architecture_to_libvirt(resolution->architecture);

    if (!architecture)
        return not_supported(error, "architecture %s", resolution->architecture);
    for (const char *p = resolution->machine; *p; p++)
        if (!g_ascii_isalnum(*p) && !strchr("_.-", *p))
            return not_supported(error, "machine \"%s\"", resolution->machine);
    /* libvirt knows secure='yes' for x86_64 alone */
    if (resolution_needs_secure_flash(resolution) &&
        !g_str_equal(resolution->architecture, "x86_64"))
        return not_supported(error, "Secure Boot for architecture %s", resolution->architecture);

    g_string_append_printf(
            xml, "  <type arch='%s' machine='%s'>hvm</type>\n", architecture, resolution->machine);
    return TRUE;
}

/* -- files ------------------------------------------------------------------------------- */

/* XML has no control characters except white space, which becomes a blank in an attribute. */
static gboolean check_filename(const char *filename, GError **error) {
    for (const char *p = filename; *p; p++)
        if ((guchar)*p < ' ') {
            g_autofree char *escaped = text_escape(filename);
            return not_supported(error, "the file name \"%s\"", escaped);
        }
    return TRUE;
}

/* libvirt's default is raw */
static const char *format_attribute(const char *format) {
    return g_str_equal(format, image_format_to_string(IMAGE_FORMAT_RAW)) ? "" : " format='qcow2'";
}

G_GNUC_PRINTF(2, 3)
static void append_escaped(GString *xml, const char *format, ...) {
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_markup_vprintf_escaped(format, args);
    va_end(args);
    g_string_append(xml, text);
}

static void add_nvram(GString *xml, const FlashUnit *unit, const DescriptorImage *template) {
    g_string_append(xml, "  <nvram");
    /* libvirt copies a template unchanged, so its format must match */
    if (g_str_equal(template->format, unit->format))
        append_escaped(xml, " template='%s'", template->filename);
    g_string_append(xml, format_attribute(unit->format));
    append_escaped(xml, ">%s</nvram>\n", unit->filename);
}

static void add_flash(GString *xml, const Resolution *resolution) {
    const Descriptor *descriptor = resolution->descriptor;
    const FlashUnit *code = resolution->flash->pdata[0];

    g_string_append_printf(
            xml, "  <loader readonly='%s'%s type='pflash'%s%s", code->read_only ? "yes" : "no",
            resolution_needs_secure_flash(resolution) ? " secure='yes'" : "",
            descriptor->mode == FIRMWARE_MODE_STATELESS ? " stateless='yes'" : "",
            format_attribute(code->format));
    append_escaped(xml, ">%s</loader>\n", code->filename);
    if (resolution->flash->len > 1 && descriptor->nvram_template.filename)
        add_nvram(xml, resolution->flash->pdata[1], &descriptor->nvram_template);
}

static void add_memory(GString *xml, const Resolution *resolution) {
    const Descriptor *descriptor = resolution->descriptor;

    append_escaped(xml, "  <loader type='rom'>%s</loader>\n", descriptor->executable.filename);
    if (resolution->nvram_filename)
        append_escaped(
                xml, "  <varstore template='%s' path='%s'/>\n", descriptor->nvram_template.filename,
                resolution->nvram_filename);
}

static gboolean check_filenames(const Resolution *resolution, GError **error) {
    const Descriptor *descriptor = resolution->descriptor;
    const char *template = descriptor->nvram_template.filename;

    return check_filename(descriptor->executable.filename, error) &&
            (!template || check_filename(template, error)) &&
            (!resolution->nvram_filename || check_filename(resolution->nvram_filename, error));
}

static gboolean add_images(GString *xml, const Resolution *resolution, GError **error) {
    if (!check_filenames(resolution, error))
        return FALSE;
    if (resolution_get_max_fw_size(resolution) > 0)
        return not_supported(error, "max-fw-size, which flash of more than 8 MiB needs");

    switch (resolution->descriptor->device) {
    case FIRMWARE_DEVICE_FLASH:
        add_flash(xml, resolution);
        break;
    case FIRMWARE_DEVICE_MEMORY:
        add_memory(xml, resolution);
        break;
    case FIRMWARE_DEVICE_KERNEL:
        append_escaped(xml, "  <kernel>%s</kernel>\n", resolution->descriptor->executable.filename);
        break;
    case FIRMWARE_DEVICE_IGVM:
        return not_supported(error, "device igvm, which firmware %s needs", resolution->name);
    }
    return TRUE;
}

/* -- features ---------------------------------------------------------------------------- */

/* Without <acpi/> libvirt disables ACPI, which QEMU enables. libvirt rejects UEFI without ACPI on
 * x86, and ACPI without UEFI on aarch64, where it recognizes UEFI by its flash or its store only;
 * boards other than virt have no ACPI. */
static gboolean wants_acpi(const Resolution *resolution) {
    const Descriptor *descriptor = resolution->descriptor;
    const char *architecture = resolution->architecture;

    if (architecture_is_x86(architecture))
        return !g_str_equal(resolution->machine, "isapc"); /* which has none */
    return (g_str_equal(architecture, "aarch64") || g_str_equal(architecture, "loongarch64")) &&
            g_str_has_prefix(resolution->machine, "virt") &&
            g_strv_contains((const char *const *)descriptor->interface_types, "uefi") &&
            (descriptor->device == FIRMWARE_DEVICE_FLASH || resolution->nvram_filename);
}

static void add_features(GString *xml, const Resolution *resolution) {
    gboolean needs_smm = resolution_needs_smm(resolution);

    if (!needs_smm && !wants_acpi(resolution)) {
        g_string_append(xml, "<features/>\n");
        return;
    }

    g_string_append(xml, "<features>\n");
    if (wants_acpi(resolution))
        g_string_append(xml, "  <acpi/>\n");
    if (needs_smm)
        g_string_append(xml, "  <smm state='on'/>\n");
    g_string_append(xml, "</features>\n");
}

char *render_libvirt(const Resolution *resolution, GError **error) {
    g_autoptr(GString) xml = g_string_new("<os>\n");

    if (!render_check_copy(resolution, error) || !add_type(xml, resolution, error) ||
        !add_images(xml, resolution, error))
        return NULL;
    g_string_append(xml, "</os>\n");
    add_features(xml, resolution);
    return g_string_free(g_steal_pointer(&xml), FALSE);
}
