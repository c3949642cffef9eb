/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/selection.h"

#include "core/flash.h"
#include "core/needs.h"

static void add_reason(GPtrArray *reasons, const char *code) {
    g_ptr_array_add(reasons, g_strdup(code));
}

static void add_detailed_reason(GPtrArray *reasons, const char *code, const char *detail) {
    g_ptr_array_add(reasons, g_strconcat(code, ":", detail, NULL));
}

static gboolean contains(GStrv list, const char *word) {
    return g_strv_contains((const char *const *)list, word);
}

static void check_interface(const Request *request, const Descriptor *d, GPtrArray *reasons) {
    if (request->interface && !contains(d->interface_types, request->interface))
        add_reason(reasons, "interface");
}

static void check_features(const Request *request, const Descriptor *d, GPtrArray *reasons) {
    for (char **f = request->features; f && *f; f++)
        if (!descriptor_has_feature(d, *f))
            add_detailed_reason(reasons, "feature-missing", *f);

    for (char **f = request->without_features; f && *f; f++)
        if (descriptor_has_feature(d, *f))
            add_detailed_reason(reasons, "feature-present", *f);
}

/* Of the firmware as it is mapped, which serves every request that names no such feature. */
static void check_confidential_flash(
        const Request *request, const Descriptor *d, GPtrArray *reasons) {
    for (char **f = request->features; f && *f; f++)
        if (descriptor_has_confidential_flash(d, *f))
            add_detailed_reason(reasons, "confidential-flash", *f);
}

static gboolean has_executable(const Descriptor *d, const char *filename, GHashTable *images) {
    return g_str_equal(filename, d->executable.filename) ||
            catalog_images_are_same(images, filename, d->executable.filename);
}

static void check_mapping(
        const Request *request, GHashTable *images, const char *name, const Descriptor *d,
        GPtrArray *reasons) {
    if (request->devices && !contains(request->devices, firmware_device_to_string(d->device)))
        add_reason(reasons, "device");
    if (request->modes && !contains(request->modes, firmware_mode_to_string(d->mode)))
        add_reason(reasons, "mode");
    if (request->formats && !contains(request->formats, d->executable.format))
        add_reason(reasons, "format");
    if (request->firmware && !g_str_equal(request->firmware, name))
        add_reason(reasons, "firmware");
    if (request->executable && !has_executable(d, request->executable, images))
        add_reason(reasons, "executable");
}

gboolean selection_find_nvram_size(
        const SelectionInput *input, const CatalogFile *file, guint64 *ret) {
    const Descriptor *d = file->descriptor;
    g_autoptr(GPtrArray) reasons = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) units = NULL;

    if (!descriptor_keeps_variables(d))
        return FALSE;
    *ret = 0; /* a JSON store */
    if (!flash_fit(d, &file->images, &input->machine, reasons, &units))
        return FALSE;
    for (guint i = 0; units && i < units->len; i++) {
        const FlashUnit *unit = units->pdata[i];

        if (!unit->read_only)
            *ret = unit->size;
    }
    return TRUE;
}

static void check_nvram_size(
        const SelectionInput *input, const CatalogFile *file, GPtrArray *reasons) {
    const Request *request = input->request;
    guint64 size;

    if (request->has_nvram_size &&
        (!selection_find_nvram_size(input, file, &size) || size != request->nvram_size))
        add_reason(reasons, "nvram-size");
}

/* "a firmware without a separate store passes none" */
static void check_nvram_format(const Request *request, const Descriptor *d, GPtrArray *reasons) {
    gboolean has_flash = d->device == FIRMWARE_DEVICE_FLASH && d->mode == FIRMWARE_MODE_SPLIT;
    gboolean has_store = d->device != FIRMWARE_DEVICE_FLASH && descriptor_keeps_variables(d);

    if (request->nvram_format &&
        !(g_str_equal(request->nvram_format, "json") ? has_store : has_flash))
        add_reason(reasons, "nvram-format");
}

static void check_host(
        const Request *request, const Descriptor *d, const char *const *host_features,
        GPtrArray *reasons) {
    for (char **f = d->features; request->host_supported && *f; f++)
        if (feature_is_confidential(*f) && !g_strv_contains(host_features, *f))
            add_detailed_reason(reasons, "host-lacks", *f);
}

void selection_check_requirements(
        const Request *request, GHashTable *images, const char *name, const Descriptor *d,
        const char *const *host_features, GPtrArray *reasons) {
    check_interface(request, d, reasons);
    check_features(request, d, reasons);
    check_mapping(request, images, name, d, reasons);
    check_confidential_flash(request, d, reasons);
    check_nvram_format(request, d, reasons);
    check_host(request, d, host_features, reasons);
}

static gboolean check_target(const Machine *machine, const Descriptor *d, GPtrArray *reasons) {
    if (!descriptor_has_architecture(d, machine->architecture))
        add_reason(reasons, "architecture");
    else if (!descriptor_matches_machine(d, machine->architecture, machine->canonical))
        add_reason(reasons, "machine");
    else
        return TRUE;
    return FALSE;
}

/* Whether the firmware's new store gets the keys of this host. */
static gboolean gets_host_keys(const Request *request, const Descriptor *d) {
    return request->enroll && descriptor_keeps_variables(d) &&
            descriptor_has_feature(d, FEATURE_SECURE_BOOT);
}

/* Of a store that is there, vm/vm-start asks; here it is enough that the firmware keeps it. */
static gboolean has_certificate(
        const SelectionInput *input, const CatalogFile *file, const char *certificate) {
    const Catalog *catalog = input->catalog;

    if (input->has_store)
        return descriptor_keeps_variables(file->descriptor);
    return store_summary_has_certificate(file->store, catalog->known, certificate) ||
            (gets_host_keys(input->request, file->descriptor) &&
             host_keys_have_certificate(catalog->host_keys, catalog->known, certificate));
}

static void check_certificates(
        const SelectionInput *input, const CatalogFile *file, GPtrArray *reasons) {
    for (char **c = input->request->certificates; c && *c; c++)
        if (!has_certificate(input, file, *c))
            add_detailed_reason(reasons, "certificate-missing", *c);
}

/* Checks an effective file with a descriptor. FALSE: REASONS holds all reasons, of a candidate,
 * which has a target for the machine, at least one. */
static gboolean passes(
        const SelectionInput *input, const CatalogFile *file, gboolean is_candidate,
        GPtrArray *reasons) {
    const Request *request = input->request;
    const Machine *machine = &input->machine;
    const Descriptor *d = file->descriptor;
    gboolean is_target = is_candidate;
    gboolean has_images;
    gboolean fits;

    /* in the contract's order of reasons */
    check_interface(request, d, reasons);
    if (!is_target)
        is_target = check_target(machine, d, reasons);
    check_features(request, d, reasons);
    check_mapping(request, input->catalog->images, file->name, d, reasons);
    if (is_candidate && reasons->len > 0)
        return FALSE;

    has_images = catalog_file_check_images(d, &file->images, reasons);
    /* sizes only matter on a machine that it targets */
    fits = is_target && has_images && flash_fit(d, &file->images, machine, reasons, NULL);
    for (char **fault = file->pair_faults; fault && *fault; fault++)
        add_reason(reasons, *fault);
    check_confidential_flash(request, d, reasons);
    if (fits)
        check_nvram_size(input, file, reasons);
    check_nvram_format(request, d, reasons);

    check_host(request, d, input->host_features, reasons);
    check_certificates(input, file, reasons);
    return reasons->len == 0;
}

static Verdict judge(const SelectionInput *input, const CatalogFile *file, GPtrArray *reasons) {
    if (file->overridden_by) {
        add_detailed_reason(reasons, "overridden-by", file->overridden_by->path);
        return VERDICT_OVERRIDDEN;
    }
    if (file->is_mask)
        return VERDICT_MASKED;
    if (file->fault) {
        add_reason(reasons, file->fault);
        return VERDICT_INVALID;
    }
    return passes(input, file, FALSE, reasons) ? VERDICT_ACCEPTED : VERDICT_REJECTED;
}

static void file_verdict_free(FileVerdict *verdict) {
    g_strfreev(verdict->reasons);
    g_free(verdict);
}

/* The one reason that rejects nothing. */
static void add_lacking(const SelectionInput *input, const CatalogFile *file, GPtrArray *reasons) {
    const Machine *machine = &input->machine;
    g_autoptr(GPtrArray) lacking = NULL;

    if (file->overridden_by || !file->descriptor ||
        !descriptor_matches_machine(file->descriptor, machine->architecture, machine->canonical))
        return;
    lacking = needs_find_lacking(file->descriptor, machine);
    for (guint i = 0; i < lacking->len; i++)
        add_detailed_reason(reasons, "qemu-lacks", lacking->pdata[i]);
}

GPtrArray *selection_explain(const SelectionInput *input) {
    const GPtrArray *files = input->catalog->files;
    GPtrArray *verdicts = g_ptr_array_new_with_free_func((GDestroyNotify)file_verdict_free);
    gboolean is_chosen = FALSE;

    for (guint i = 0; i < files->len; i++) {
        GPtrArray *reasons = g_ptr_array_new();
        FileVerdict *verdict = g_new0(FileVerdict, 1);

        verdict->file = files->pdata[i];
        verdict->verdict = judge(input, verdict->file, reasons);
        add_lacking(input, verdict->file, reasons);
        if (verdict->verdict == VERDICT_ACCEPTED && !is_chosen) {
            verdict->verdict = VERDICT_SELECTED;
            is_chosen = TRUE;
        }
        g_ptr_array_add(reasons, NULL);
        verdict->reasons = (GStrv)g_ptr_array_free(reasons, FALSE);
        g_ptr_array_add(verdicts, verdict);
    }
    return verdicts;
}

typedef struct Passing {
    const SelectionInput *input;
    GPtrArray *reasons; /* of one candidate; of no further use */
    CandidateVisit visit;
    gpointer userdata;
} Passing;

static gboolean visit_candidate(const CatalogFile *file, gpointer userdata) {
    const Passing *passing = userdata;

    g_ptr_array_set_size(passing->reasons, 0);
    return !passes(passing->input, file, TRUE, passing->reasons) ||
            passing->visit(file, passing->userdata);
}

void selection_visit(const SelectionInput *input, CandidateVisit visit, gpointer userdata) {
    g_autoptr(GPtrArray) reasons = g_ptr_array_new_with_free_func(g_free);
    Passing passing = {.input = input, .reasons = reasons, .visit = visit, .userdata = userdata};

    candidates_visit(
            input->catalog->candidates, input->machine.architecture, input->machine.canonical,
            visit_candidate, &passing);
}

SelectionInput selection_input(
        const Catalog *catalog, const char *const *host_features, const Request *request) {
    return (SelectionInput){
            .catalog = catalog,
            .request = request,
            .machine = machine_table_resolve_for(
                    catalog->machines, request->architecture, request->machine,
                    request->qemu_version),
            .host_features = host_features,
    };
}

gboolean selection_accepts(const SelectionInput *input, const CatalogFile *file) {
    g_autoptr(GPtrArray) reasons = g_ptr_array_new_with_free_func(g_free);

    return judge(input, file, reasons) == VERDICT_ACCEPTED;
}

static void add_once(GPtrArray *words, const char *word) {
    if (!g_ptr_array_find_with_equal_func(words, word, g_str_equal, NULL))
        g_ptr_array_add(words, (gpointer)word);
}

static gboolean add_capabilities(const CatalogFile *file, gpointer userdata) {
    Capabilities *capabilities = userdata;
    const Descriptor *d = file->descriptor;
    gboolean is_first = capabilities->firmware->len == 0;

    g_ptr_array_add(capabilities->firmware, file->name);
    add_once(capabilities->devices, firmware_device_to_string(d->device));
    add_once(capabilities->modes, firmware_mode_to_string(d->mode));
    add_once(capabilities->formats, d->executable.format);
    for (char **word = d->interface_types; *word; word++)
        add_once(capabilities->interfaces, *word);
    for (char **word = d->features; *word; word++) {
        add_once(capabilities->features, *word);
        if (is_first)
            add_once(capabilities->features_always, *word);
    }

    for (guint i = capabilities->features_always->len; i > 0; i--)
        if (!descriptor_has_feature(d, capabilities->features_always->pdata[i - 1]))
            g_ptr_array_remove_index(capabilities->features_always, i - 1);
    return TRUE;
}

Capabilities *selection_capabilities(const SelectionInput *input) {
    Capabilities *capabilities = g_new0(Capabilities, 1);

    capabilities->firmware = g_ptr_array_new();
    capabilities->interfaces = g_ptr_array_new();
    capabilities->devices = g_ptr_array_new();
    capabilities->modes = g_ptr_array_new();
    capabilities->formats = g_ptr_array_new();
    capabilities->features = g_ptr_array_new();
    capabilities->features_always = g_ptr_array_new();
    selection_visit(input, add_capabilities, capabilities);
    return capabilities;
}

void capabilities_free(Capabilities *capabilities) {
    if (!capabilities)
        return;

    g_ptr_array_unref(capabilities->firmware);
    g_ptr_array_unref(capabilities->interfaces);
    g_ptr_array_unref(capabilities->devices);
    g_ptr_array_unref(capabilities->modes);
    g_ptr_array_unref(capabilities->formats);
    g_ptr_array_unref(capabilities->features);
    g_ptr_array_unref(capabilities->features_always);
    g_free(capabilities);
}
