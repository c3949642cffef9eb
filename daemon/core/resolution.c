/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/resolution.h"

#include "core/architecture.h"
#include "core/flash.h"
#include "core/needs.h"

gboolean resolution_needs_smm(const Resolution *resolution) {
    return descriptor_has_feature(resolution->descriptor, FEATURE_REQUIRES_SMM);
}

gboolean resolution_needs_secure_flash(const Resolution *resolution) {
    const FlashUnit *first = resolution->flash ? resolution->flash->pdata[0] : NULL;

    return first && first->secure;
}

void resolution_visit_globals(
        const Resolution *resolution,
        void (*visit)(
                const char *driver, const char *property, const char *value, gpointer userdata),
        gpointer userdata) {
    if (resolution_needs_secure_flash(resolution)) {
        const FlashUnit *unit = resolution->flash->pdata[0];

        visit(unit->driver, "secure", "on", userdata);
    }
    if (resolution->s3_device)
        visit(resolution->s3_device, "disable_s3", "1", userdata);
}

gboolean resolution_forces_secure_boot(const Resolution *resolution) {
    return resolution->has_platform_key &&
            descriptor_has_feature(resolution->descriptor, FEATURE_ENROLLED_KEYS);
}

/* hw/i386/pc_sysfw.c: FLASH_SIZE_LIMIT, the default of the property max-fw-size */
#define DEFAULT_MAX_FW_SIZE (8 * 1024 * 1024)

guint64 resolution_get_max_fw_size(const Resolution *resolution) {
    guint64 total = 0;

    if (!architecture_is_x86(resolution->architecture) || !resolution->flash)
        return 0;
    for (guint i = 0; i < resolution->flash->len; i++)
        total += ((const FlashUnit *)resolution->flash->pdata[i])->size;
    return total > DEFAULT_MAX_FW_SIZE ? total : 0;
}

static FlashUnit *find_writable_unit(const Resolution *resolution) {
    for (guint i = 0; resolution->flash && i < resolution->flash->len; i++) {
        FlashUnit *unit = resolution->flash->pdata[i];

        if (!unit->read_only)
            return unit;
    }
    return NULL;
}

const FlashUnit *resolution_get_writable_unit(const Resolution *resolution) {
    return find_writable_unit(resolution);
}

void resolution_set_nvram(Resolution *resolution, const char *filename, const char *format) {
    FlashUnit *unit = find_writable_unit(resolution);

    g_free(resolution->nvram_filename);
    resolution->nvram_filename = g_strdup(filename);
    if (!unit)
        return;

    g_free(unit->filename);
    unit->filename = g_strdup(filename ? filename : "");
    if (format) {
        g_free(unit->format);
        unit->format = g_strdup(format);
    }
}

gboolean resolution_same_flash(const Resolution *a, const Resolution *b) {
    guint n_a = a->flash ? a->flash->len : 0;
    guint n_b = b->flash ? b->flash->len : 0;

    if (n_a != n_b)
        return FALSE;

    for (guint i = 0; i < n_a; i++)
        for (const FlashKey *key = flash_keys; key->name; key++)
            if (key->recordable && !flash_unit_equal(a->flash->pdata[i], b->flash->pdata[i], key))
                return FALSE;
    return TRUE;
}

Resolution *resolution_new(
        const CatalogFile *file, const Machine *machine, const Request *request) {
    g_autoptr(GPtrArray) reasons = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(Resolution) resolution = g_new0(Resolution, 1);
    gboolean fits;

    resolution->name = g_strdup(file->name);
    resolution->path = g_strdup(file->path);
    resolution->descriptor = descriptor_ref(file->descriptor);
    resolution->architecture = g_strdup(machine->architecture);
    resolution->machine = g_strdup(machine->name);
    resolution->has_pflash_properties = TRUE;
    resolution_set_qemu(resolution, machine);
    if (machine->board && !descriptor_has_feature(file->descriptor, FEATURE_ACPI_S3))
        resolution->s3_device = g_strdup(machine->board->s3_device);
    resolution->store = file->store ? store_summary_ref(file->store) : NULL;
    resolution->executable_size = file->images.executable.size;
    resolution->nvram_template_size = file->images.nvram_template.size;
    resolution->has_platform_key = store_summary_has_platform_key(file->store);

    fits = flash_fit(file->descriptor, &file->images, machine, reasons, &resolution->flash);
    g_assert(fits);

    /* what is recorded is the size of a unit as well */
    resolution->has_fixed_flash =
            machine->board ? machine->board->unit_size > 0 : resolution->flash != NULL;
    if (resolution->flash) {
        resolution->executable_size = flash_backend_size(resolution->executable_size);
        resolution->nvram_template_size = flash_backend_size(resolution->nvram_template_size);
    }
    if ((request->nvram_filename || request->nvram_format) &&
        descriptor_keeps_variables(file->descriptor))
        resolution_set_nvram(resolution, request->nvram_filename, request->nvram_format);
    return g_steal_pointer(&resolution);
}

void resolution_set_qemu(Resolution *resolution, const Machine *machine) {
    g_autoptr(GPtrArray) lacking = needs_find_lacking(resolution->descriptor, machine);

    resolution->qemu = machine->qemu;
    resolution->lacking = lacking->len > 0 ? lacking->pdata[0] : NULL;
    resolution->has_pflash_properties =
            resolution->has_pflash_properties && machine_has_pflash_properties(machine);
}

static gpointer copy_unit(gconstpointer unit, gpointer userdata) {
    return flash_unit_copy(unit);
}

Resolution *resolution_copy(const Resolution *resolution) {
    Resolution *copy = g_new(Resolution, 1);

    *copy = *resolution;
    copy->name = g_strdup(resolution->name);
    copy->path = g_strdup(resolution->path);
    copy->descriptor = descriptor_ref(resolution->descriptor);
    copy->architecture = g_strdup(resolution->architecture);
    copy->machine = g_strdup(resolution->machine);
    copy->s3_device = g_strdup(resolution->s3_device);
    copy->nvram_filename = g_strdup(resolution->nvram_filename);
    copy->store = resolution->store ? store_summary_ref(resolution->store) : NULL;
    if (resolution->flash)
        copy->flash = g_ptr_array_copy(resolution->flash, copy_unit, NULL);
    return copy;
}

void resolution_free(Resolution *resolution) {
    if (!resolution)
        return;

    g_free(resolution->name);
    g_free(resolution->path);
    descriptor_unref(resolution->descriptor);
    g_free(resolution->architecture);
    g_free(resolution->machine);
    g_free(resolution->s3_device);
    g_clear_pointer(&resolution->flash, g_ptr_array_unref);
    g_free(resolution->nvram_filename);
    store_summary_unref(resolution->store);
    g_free(resolution);
}
