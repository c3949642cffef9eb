/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/answer.h"

/* -- resolution -------------------------------------------------------------------------- */

static void write_image(Sink *sink, const char *key, const DescriptorImage *image, guint64 size) {
    if (!image->filename)
        return;

    sink_open_entry(sink, key, "a{sv}");
    sink_open_array(sink, "{sv}");
    sink_entry_string(sink, "filename", image->filename);
    sink_entry_string(sink, "format", image->format);
    sink_entry_uint64(sink, "size", size);
    sink_close(sink);
    sink_close_entry(sink);
}

static void write_flash_unit(Sink *sink, const FlashUnit *unit) {
    sink_open_array(sink, "{sv}");
    for (const FlashKey *key = flash_keys; key->name; key++) {
        gconstpointer field = flash_unit_get(unit, key);

        sink_open_entry(sink, key->name, (const char[]){key->type, '\0'});
        sink_basic(sink, key->type, key->type == 's' ? *(char *const *)field : field);
        sink_close_entry(sink);
    }
    sink_close(sink);
}

static void write_flash(Sink *sink, const GPtrArray *units) {
    if (!units)
        return;

    sink_open_entry(sink, "flash", "aa{sv}");
    sink_open_array(sink, "a{sv}");
    for (guint i = 0; i < units->len; i++)
        write_flash_unit(sink, units->pdata[i]);
    sink_close(sink);
    sink_close_entry(sink);
}

static void write_property(Sink *sink, const char *name, const char *value) {
    sink_open_dict_entry(sink, "ss");
    sink_string(sink, name);
    sink_string(sink, value);
    sink_close(sink);
}

static void write_machine_properties(Sink *sink, const Resolution *resolution) {
    sink_open_entry(sink, "machine-properties", "a{ss}");
    sink_open_array(sink, "{ss}");
    if (resolution_needs_smm(resolution))
        write_property(sink, "smm", "on");
    if (resolution_get_max_fw_size(resolution) > 0) {
        g_autofree char *size =
                g_strdup_printf("%" G_GUINT64_FORMAT, resolution_get_max_fw_size(resolution));
        write_property(sink, "max-fw-size", size);
    }
    sink_close(sink);
    sink_close_entry(sink);
}

static void write_global(
        const char *driver, const char *property, const char *value, gpointer userdata) {
    Sink *sink = userdata;

    sink_open_struct(sink, "sss");
    sink_string(sink, driver);
    sink_string(sink, property);
    sink_string(sink, value);
    sink_close(sink);
}

static void write_global_properties(Sink *sink, const Resolution *resolution) {
    sink_open_entry(sink, "global-properties", "a(sss)");
    sink_open_array(sink, "(sss)");
    resolution_visit_globals(resolution, write_global, sink);
    sink_close(sink);
    sink_close_entry(sink);
}

static void write_optional(Sink *sink, const char *key, const char *value) {
    if (value)
        sink_entry_string(sink, key, value);
}

static void write_libvirt_fields(Sink *sink, const LibvirtFields *fields) {
    sink_open_entry(sink, "libvirt-fields", "a{sv}");
    sink_open_array(sink, "{sv}");
    write_optional(sink, "loader", fields->loader);
    write_optional(sink, "loader-type", fields->loader_type);
    if (fields->loader_format) {
        sink_entry_boolean(sink, "loader-readonly", fields->is_read_only);
        if (fields->is_x86)
            sink_entry_boolean(sink, "loader-secure", fields->is_secure);
        sink_entry_boolean(sink, "loader-stateless", fields->is_stateless);
    }
    write_optional(sink, "loader-format", fields->loader_format);
    write_optional(sink, "nvram", fields->nvram);
    write_optional(sink, "nvram-format", fields->nvram_format);
    write_optional(sink, "nvram-template", fields->nvram_template);
    write_optional(sink, "nvram-template-format", fields->nvram_template_format);
    write_optional(sink, "varstore", fields->varstore);
    write_optional(sink, "varstore-template", fields->varstore_template);
    if (fields->is_x86)
        sink_entry_boolean(sink, "smm", fields->needs_smm);
    sink_entry_boolean(sink, "acpi", fields->wants_acpi);
    if (fields->has_no_s3)
        sink_entry_boolean(sink, "suspend-to-mem", FALSE);
    sink_close(sink);
    sink_close_entry(sink);
}

static void write_rendering(Sink *sink, const Rendering *rendering) {
    if (rendering->qemu)
        sink_entry_strv(sink, "qemu-arguments", rendering->qemu);
    if (rendering->qemu_legacy)
        sink_entry_strv(sink, "qemu-legacy-arguments", rendering->qemu_legacy);
    if (rendering->libvirt)
        sink_entry_string(sink, "libvirt-xml", rendering->libvirt);
    if (rendering->libvirt_fields)
        write_libvirt_fields(sink, rendering->libvirt_fields);
}

static void write_store(Sink *sink, const Descriptor *descriptor, const StoreSummary *store) {
    sink_entry_string(
            sink, "secure-boot",
            store_summary_get_secure_boot(
                    store, descriptor_has_feature(descriptor, FEATURE_SECURE_BOOT)));
    sink_open_entry(sink, "certificates", "a{ss}");
    store_report_write_generations(store_summary_get_generations(store), sink);
    sink_close_entry(sink);
}

void answer_resolution_entries(
        Sink *sink, const Resolution *resolution, const StoreSummary *store,
        const Rendering *rendering) {
    const Descriptor *descriptor = resolution->descriptor;

    sink_entry_string(sink, "name", resolution->name);
    sink_entry_string(sink, "descriptor", resolution->path);
    sink_entry_string(sink, "architecture", resolution->architecture);
    sink_entry_string(sink, "machine", resolution->machine);
    sink_entry_string(sink, "description", descriptor->description);
    sink_entry_strv(sink, "interface-types", descriptor->interface_types);
    sink_entry_strv(sink, "features", descriptor->features);
    sink_entry_string(sink, "device", firmware_device_to_string(descriptor->device));
    sink_entry_string(sink, "mode", firmware_mode_to_string(descriptor->mode));
    write_image(sink, "executable", &descriptor->executable, resolution->executable_size);
    write_image(
            sink, "nvram-template", &descriptor->nvram_template, resolution->nvram_template_size);
    if (descriptor_keeps_variables(descriptor))
        write_store(sink, descriptor, store);
    write_flash(sink, resolution->flash);
    write_machine_properties(sink, resolution);
    write_global_properties(sink, resolution);
    if (rendering)
        write_rendering(sink, rendering);
}

void answer_resolution(Sink *sink, const Resolution *resolution, const Rendering *rendering) {
    sink_open_array(sink, "{sv}");
    answer_resolution_entries(sink, resolution, resolution->store, rendering);
    sink_close(sink);
}

/* -- verdicts and capabilities ----------------------------------------------------------- */

void answer_verdicts(Sink *sink, const GPtrArray *verdicts) {
    sink_open_array(sink, "(sssas)");
    for (guint i = 0; i < verdicts->len; i++) {
        const FileVerdict *verdict = verdicts->pdata[i];

        sink_open_struct(sink, "sssas");
        sink_string(sink, verdict->file->name);
        sink_string(sink, verdict->file->path);
        sink_string(sink, verdict_to_string(verdict->verdict));
        sink_strv(sink, verdict->reasons);
        sink_close(sink);
    }
    sink_close(sink);
}

void answer_capabilities(Sink *sink, const Capabilities *capabilities) {
    sink_open_array(sink, "{sv}");
    sink_entry_words(sink, "firmware", capabilities->firmware);
    sink_entry_words(sink, "interfaces", capabilities->interfaces);
    sink_entry_words(sink, "devices", capabilities->devices);
    sink_entry_words(sink, "modes", capabilities->modes);
    sink_entry_words(sink, "formats", capabilities->formats);
    sink_entry_words(sink, "features", capabilities->features);
    sink_entry_words(sink, "features-always", capabilities->features_always);
    sink_close(sink);
}

/* -- the catalog ------------------------------------------------------------------------- */

void answer_search_path(Sink *sink, const GPtrArray *layers) {
    sink_open_array(sink, "s");
    for (guint i = 0; i < layers->len; i++) {
        const CatalogLayer *layer = layers->pdata[i];
        g_autofree char *path = g_build_filename(layer->directory, layer->file_name, NULL);

        sink_string(sink, path);
    }
    sink_close(sink);
}

void answer_problems(Sink *sink, const Catalog *catalog) {
    sink_open_array(sink, "(ss)");
    for (guint i = 0; i < catalog->problems->len; i++) {
        const CatalogProblem *problem = catalog->problems->pdata[i];

        sink_open_struct(sink, "ss");
        sink_string(sink, problem->path);
        sink_string(sink, problem->text);
        sink_close(sink);
    }
    sink_close(sink);
}

/* -- firmware ---------------------------------------------------------------------------- */

void answer_firmware_list(Sink *sink, const Catalog *catalog, char *(*path_of)(const char *name)) {
    sink_open_array(sink, "(sso)");
    for (guint i = 0; i < catalog->firmware->len; i++) {
        const CatalogFile *file = catalog->firmware->pdata[i];
        g_autofree char *path = path_of(file->name);

        sink_open_struct(sink, "sso");
        sink_string(sink, file->name);
        sink_string(sink, firmware_state_to_string(file->state));
        sink_object_path(sink, path);
        sink_close(sink);
    }
    sink_close(sink);
}

static void write_name(Sink *sink, const Catalog *catalog, const CatalogFile *file) {
    sink_string(sink, file->name);
}

static void write_path(Sink *sink, const Catalog *catalog, const CatalogFile *file) {
    sink_string(sink, file->path);
}

static void write_layer(Sink *sink, const Catalog *catalog, const CatalogFile *file) {
    sink_string(sink, firmware_layer_to_string(file->layer));
}

static void write_state(Sink *sink, const Catalog *catalog, const CatalogFile *file) {
    sink_string(sink, firmware_state_to_string(file->state));
}

static void write_problems(Sink *sink, const Catalog *catalog, const CatalogFile *file) {
    sink_strv(sink, file->reasons);
}

static void write_rank(Sink *sink, const Catalog *catalog, const CatalogFile *file) {
    sink_uint32(sink, catalog_get_rank(catalog, file));
}

static void write_overrides(Sink *sink, const Catalog *catalog, const CatalogFile *file) {
    sink_strv(sink, file->overrides);
}

/* The other properties come from the descriptor, and are empty if the file is invalid. */

static void write_description(Sink *sink, const Catalog *catalog, const CatalogFile *file) {
    sink_string(sink, file->descriptor ? file->descriptor->description : "");
}

static void write_interface_types(Sink *sink, const Catalog *catalog, const CatalogFile *file) {
    sink_strv(sink, file->descriptor ? file->descriptor->interface_types : NULL);
}

static void write_device(Sink *sink, const Catalog *catalog, const CatalogFile *file) {
    const Descriptor *descriptor = file->descriptor;

    sink_string(sink, descriptor ? firmware_device_to_string(descriptor->device) : "");
}

static void write_mode(Sink *sink, const Catalog *catalog, const CatalogFile *file) {
    const Descriptor *descriptor = file->descriptor;

    sink_string(sink, descriptor ? firmware_mode_to_string(descriptor->mode) : "");
}

static void write_image_names(Sink *sink, const DescriptorImage *image) {
    gboolean is_named = image && image->filename;

    sink_open_struct(sink, "ss");
    sink_string(sink, is_named ? image->filename : "");
    sink_string(sink, is_named ? image->format : "");
    sink_close(sink);
}

static void write_executable(Sink *sink, const Catalog *catalog, const CatalogFile *file) {
    write_image_names(sink, file->descriptor ? &file->descriptor->executable : NULL);
}

static void write_nvram_template(Sink *sink, const Catalog *catalog, const CatalogFile *file) {
    write_image_names(sink, file->descriptor ? &file->descriptor->nvram_template : NULL);
}

static void write_targets(Sink *sink, const Catalog *catalog, const CatalogFile *file) {
    const GPtrArray *targets = file->descriptor ? file->descriptor->targets : NULL;

    sink_open_array(sink, "(sas)");
    for (guint i = 0; targets && i < targets->len; i++) {
        const DescriptorTarget *target = targets->pdata[i];

        sink_open_struct(sink, "sas");
        sink_string(sink, target->architecture);
        sink_strv(sink, target->machines);
        sink_close(sink);
    }
    sink_close(sink);
}

static void write_features(Sink *sink, const Catalog *catalog, const CatalogFile *file) {
    sink_strv(sink, file->descriptor ? file->descriptor->features : NULL);
}

static void write_tags(Sink *sink, const Catalog *catalog, const CatalogFile *file) {
    sink_strv(sink, file->descriptor ? file->descriptor->tags : NULL);
}

static void write_secure_boot(Sink *sink, const Catalog *catalog, const CatalogFile *file) {
    sink_string(sink, catalog_file_get_secure_boot(file));
}

static void write_certificates(Sink *sink, const Catalog *catalog, const CatalogFile *file) {
    store_report_write_generations(store_summary_get_generations(file->store), sink);
}

static void write_health(Sink *sink, const Catalog *catalog, const CatalogFile *file) {
    sink_string(sink, store_summary_get_health(file->store));
}

const FirmwareProperty firmware_properties[] = {
        {"Name", 0, write_name},
        {"Path", CATALOG_FIELD_PATH, write_path},
        {"Layer", CATALOG_FIELD_LAYER, write_layer},
        {"State", CATALOG_FIELD_STATE, write_state},
        {"Problems", CATALOG_FIELD_REASONS, write_problems},
        {"Rank", 0, write_rank},
        {"Description", CATALOG_FIELD_DESCRIPTION, write_description},
        {"InterfaceTypes", CATALOG_FIELD_INTERFACE_TYPES, write_interface_types},
        {"Device", CATALOG_FIELD_DEVICE, write_device},
        {"Mode", CATALOG_FIELD_MODE, write_mode},
        {"Executable", CATALOG_FIELD_EXECUTABLE, write_executable},
        {"NVRAMTemplate", CATALOG_FIELD_NVRAM_TEMPLATE, write_nvram_template},
        {"SecureBoot", CATALOG_FIELD_SECURE_BOOT, write_secure_boot},
        {"Certificates", CATALOG_FIELD_CERTIFICATES, write_certificates},
        {"Health", CATALOG_FIELD_HEALTH, write_health},
        {"Targets", CATALOG_FIELD_TARGETS, write_targets},
        {"Features", CATALOG_FIELD_FEATURES, write_features},
        {"Tags", CATALOG_FIELD_TAGS, write_tags},
        {"Overrides", CATALOG_FIELD_OVERRIDES, write_overrides},
        {},
};
