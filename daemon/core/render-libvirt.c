/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/render.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "core/architecture.h"
#include "core/needs.h"

/*
 * The elements <os>, <features> and <pm> as libvirt's formatdomain documents them. Uses attributes
 * of libvirt 9.0, except for those that firmware may need: format (libvirt 9.2) and templateFormat
 * (10.10), unless all are raw, the architecture loongarch64 (10.1), and the element varstore
 * (12.1).
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

static gboolean check_machine(const Resolution *resolution, GError **error) {
    if (!architecture_to_libvirt(resolution->architecture))
        return not_supported(error, "architecture %s", resolution->architecture);
    for (const char *p = resolution->machine; *p; p++)
        if (!g_ascii_isalnum(*p) && !strchr("_.-", *p))
            return not_supported(error, "machine \"%s\"", resolution->machine);
    /* libvirt knows secure='yes' for x86_64 alone */
    if (resolution_needs_secure_flash(resolution) &&
        !g_str_equal(resolution->architecture, "x86_64"))
        return not_supported(error, "Secure Boot for architecture %s", resolution->architecture);
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

static gboolean check_filenames(const Resolution *resolution, GError **error) {
    const Descriptor *descriptor = resolution->descriptor;
    const char *template = descriptor->nvram_template.filename;

    return check_filename(descriptor->executable.filename, error) &&
            (!template || check_filename(template, error)) &&
            (!resolution->nvram_filename || check_filename(resolution->nvram_filename, error));
}

static void set_flash(const Resolution *resolution, LibvirtFields *fields) {
    const Descriptor *descriptor = resolution->descriptor;
    const FlashUnit *code = resolution->flash->pdata[0];

    fields->loader = code->filename;
    fields->loader_type = "pflash";
    fields->loader_format = code->format;
    fields->is_read_only = code->read_only;
    fields->is_secure = resolution_needs_secure_flash(resolution);
    fields->is_stateless = descriptor->mode == FIRMWARE_MODE_STATELESS;
    if (resolution->flash->len > 1 && descriptor->nvram_template.filename) {
        const FlashUnit *nvram = resolution->flash->pdata[1];

        fields->nvram = nvram->filename;
        fields->nvram_format = nvram->format;
        fields->nvram_template = descriptor->nvram_template.filename;
        fields->nvram_template_format = descriptor->nvram_template.format;
    }
}

static void set_memory(const Resolution *resolution, LibvirtFields *fields) {
    const Descriptor *descriptor = resolution->descriptor;

    fields->loader = descriptor->executable.filename;
    fields->loader_type = "rom";
    if (resolution->nvram_filename) {
        fields->varstore = resolution->nvram_filename;
        fields->varstore_template = descriptor->nvram_template.filename;
    }
}

static gboolean set_images(const Resolution *resolution, LibvirtFields *fields, GError **error) {
    if (!check_filenames(resolution, error))
        return FALSE;
    if (needs_uefi_vars(resolution->descriptor) && !resolution->nvram_filename)
        return not_supported(
                error, "a uefi-vars device without a store, which firmware %s needs",
                resolution->name);
    if (resolution_get_max_fw_size(resolution) > 0)
        return not_supported(error, "max-fw-size, which flash of more than 8 MiB needs");

    switch (resolution->descriptor->device) {
    case FIRMWARE_DEVICE_FLASH:
        set_flash(resolution, fields);
        break;
    case FIRMWARE_DEVICE_MEMORY:
        set_memory(resolution, fields);
        break;
    case FIRMWARE_DEVICE_KERNEL:
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

LibvirtFields *libvirt_fields_new(const Resolution *resolution, GError **error) {
    g_autofree LibvirtFields *fields = g_new0(LibvirtFields, 1);

    if (!render_check_copy(resolution, error) || !check_machine(resolution, error) ||
        !set_images(resolution, fields, error))
        return NULL;
    fields->is_x86 = architecture_is_x86(resolution->architecture);
    fields->needs_smm = resolution_needs_smm(resolution);
    fields->wants_acpi = wants_acpi(resolution);
    fields->has_no_s3 = resolution->s3_device != NULL;
    return g_steal_pointer(&fields);
}

/* -- XML --------------------------------------------------------------------------------- */

G_GNUC_PRINTF(2, 3)
static void append_escaped(GString *xml, const char *format, ...) {
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_markup_vprintf_escaped(format, args);
    va_end(args);
    g_string_append(xml, text);
}

static gboolean is_raw(const char *format) {
    return !format || g_str_equal(format, image_format_to_string(IMAGE_FORMAT_RAW));
}

static void add_flash(GString *xml, const LibvirtFields *fields) {
    /* Where all are raw, so is each default of each libvirt. Otherwise the default of nvram, and of
     * its template, is the loader's format since libvirt 9.2, and raw before. */
    const gboolean has_formats = !is_raw(fields->loader_format) || !is_raw(fields->nvram_format) ||
            !is_raw(fields->nvram_template_format);

    g_string_append_printf(
            xml, "  <loader readonly='%s'%s type='pflash'%s", fields->is_read_only ? "yes" : "no",
            fields->is_secure ? " secure='yes'" : "",
            fields->is_stateless ? " stateless='yes'" : "");
    if (has_formats)
        append_escaped(xml, " format='%s'", fields->loader_format);
    append_escaped(xml, ">%s</loader>\n", fields->loader);
    if (!fields->nvram)
        return;

    append_escaped(xml, "  <nvram template='%s'", fields->nvram_template);
    if (has_formats)
        append_escaped(
                xml, " templateFormat='%s' format='%s'", fields->nvram_template_format,
                fields->nvram_format);
    append_escaped(xml, ">%s</nvram>\n", fields->nvram);
}

static void add_memory(GString *xml, const LibvirtFields *fields) {
    append_escaped(xml, "  <loader type='rom'>%s</loader>\n", fields->loader);
    if (fields->varstore)
        append_escaped(
                xml, "  <varstore template='%s' path='%s'/>\n", fields->varstore_template,
                fields->varstore);
}

static void add_features(GString *xml, const LibvirtFields *fields) {
    if (!fields->needs_smm && !fields->wants_acpi) {
        g_string_append(xml, "<features/>\n");
        return;
    }

    g_string_append(xml, "<features>\n");
    if (fields->wants_acpi)
        g_string_append(xml, "  <acpi/>\n");
    if (fields->needs_smm)
        g_string_append(xml, "  <smm state='on'/>\n");
    g_string_append(xml, "</features>\n");
}

char *render_libvirt(const Resolution *resolution, GError **error) {
    g_autofree LibvirtFields *fields = libvirt_fields_new(resolution, error);
    g_autoptr(GString) xml = g_string_new("<os>\n");

    if (!fields)
        return NULL;
    g_string_append_printf(
            xml, "  <type arch='%s' machine='%s'>hvm</type>\n",
            architecture_to_libvirt(resolution->architecture), resolution->machine);
    if (g_strcmp0(fields->loader_type, "pflash") == 0)
        add_flash(xml, fields);
    else if (fields->loader)
        add_memory(xml, fields);
    else
        append_escaped(xml, "  <kernel>%s</kernel>\n", resolution->descriptor->executable.filename);
    g_string_append(xml, "</os>\n");
    add_features(xml, fields);
    if (fields->has_no_s3)
        g_string_append(xml, "<pm>\n  <suspend-to-mem enabled='no'/>\n</pm>\n");
    return g_string_free(g_steal_pointer(&xml), FALSE);
}
