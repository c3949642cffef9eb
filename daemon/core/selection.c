/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/selection.h"

#include "base/error.h"
#include "core/flash.h"
#include "core/needs.h"
#include "core/unknown.h"

/* Limits of an error message: candidates, and reasons for each. */
#define MAX_NEAREST 3
#define MAX_NEAREST_REASONS 8

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

static void check_mapping(
        const Request *request, const char *name, const Descriptor *d, GPtrArray *reasons) {
    if (request->devices && !contains(request->devices, firmware_device_to_string(d->device)))
        add_reason(reasons, "device");
    if (request->modes && !contains(request->modes, firmware_mode_to_string(d->mode)))
        add_reason(reasons, "mode");
    if (request->formats && !contains(request->formats, d->executable.format))
        add_reason(reasons, "format");
    if (request->firmware && !g_str_equal(request->firmware, name))
        add_reason(reasons, "firmware");
    if (request->executable && !g_str_equal(request->executable, d->executable.filename))
        add_reason(reasons, "executable");
}

/* The size of the NVRAM of a VM that gets the firmware, whose images fit the machine. Returns FALSE
 * if it keeps no variables. */
static gboolean find_nvram_size(
        const Descriptor *d, const FirmwareImages *images, const Machine *machine, guint64 *ret) {
    g_autoptr(GPtrArray) reasons = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) units = NULL;

    if (!descriptor_keeps_variables(d))
        return FALSE;
    *ret = 0; /* a JSON store */
    if (!flash_fit(d, images, machine, reasons, &units))
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
        (!find_nvram_size(file->descriptor, &file->images, &input->machine, &size) ||
         size != request->nvram_size))
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
        const Request *request, const char *name, const Descriptor *d,
        const char *const *host_features, GPtrArray *reasons) {
    check_interface(request, d, reasons);
    check_features(request, d, reasons);
    check_mapping(request, name, d, reasons);
    check_confidential_flash(request, d, reasons);
    check_nvram_format(request, d, reasons);
    check_host(request, d, host_features, reasons);
}

/* Of a new VM: the store of an existing one is checked by vm/vm-start. */
static void check_certificates(
        const SelectionInput *input, const CatalogFile *file, GPtrArray *reasons) {
    for (char **c = input->request->certificates; c && *c; c++)
        if (!store_summary_has_certificate(file->store, input->catalog->known, *c))
            add_detailed_reason(reasons, "certificate-missing", *c);
}

/* Checks an effective file with a descriptor. FALSE: REASONS holds all reasons. */
static gboolean passes(const SelectionInput *input, const CatalogFile *file, GPtrArray *reasons) {
    const Request *request = input->request;
    const Machine *machine = &input->machine;
    const Descriptor *d = file->descriptor;
    gboolean is_target = FALSE;
    gboolean has_images;
    gboolean fits;

    /* in the contract's order of reasons */
    check_interface(request, d, reasons);
    if (!descriptor_has_architecture(d, machine->architecture))
        add_reason(reasons, "architecture");
    else if (!descriptor_matches_machine(d, machine->architecture, machine->canonical))
        add_reason(reasons, "machine");
    else
        is_target = TRUE;
    check_features(request, d, reasons);
    check_mapping(request, file->name, d, reasons);

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
    return passes(input, file, reasons) ? VERDICT_ACCEPTED : VERDICT_REJECTED;
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

/* Calls VISIT with each firmware that passes, in order, until it returns FALSE. */
typedef gboolean (*PassVisit)(const CatalogFile *file, gpointer userdata);
static void visit_passing(const SelectionInput *input, PassVisit visit, gpointer userdata) {
    g_autoptr(GPtrArray) reasons = g_ptr_array_new_with_free_func(g_free);
    const GPtrArray *firmware = input->catalog->firmware;

    for (guint i = 0; i < firmware->len; i++) {
        const CatalogFile *file = firmware->pdata[i];

        g_ptr_array_set_size(reasons, 0);
        if (judge(input, file, reasons) == VERDICT_ACCEPTED && !visit(file, userdata))
            return;
    }
}

static gboolean take_first(const CatalogFile *file, gpointer userdata) {
    *(const CatalogFile **)userdata = file;
    return FALSE;
}

/* -- why none passes ---------------------------------------------------------------------- */

/* The fewer reasons the nearer. A firmware for another architecture or machine is farther than any
 * other. */
static guint distance(const FileVerdict *verdict) {
    guint n = g_strv_length(verdict->reasons);

    if (contains(verdict->reasons, "architecture"))
        n += 20000;
    if (contains(verdict->reasons, "machine"))
        n += 10000;
    return n;
}

static int compare_distances(gconstpointer a, gconstpointer b) {
    guint distance_a = distance(*(const FileVerdict *const *)a);
    guint distance_b = distance(*(const FileVerdict *const *)b);

    return distance_a < distance_b ? -1 : distance_a > distance_b;
}

/* "nvram-size: 540672, not 131072" */
static void append_size(GString *text, const SelectionInput *input, const CatalogFile *file) {
    guint64 size;

    if (find_nvram_size(file->descriptor, &file->images, &input->machine, &size))
        g_string_append_printf(text, ": %" G_GUINT64_FORMAT, size);
    else
        g_string_append(text, ": none");
    g_string_append_printf(text, ", not %" G_GUINT64_FORMAT " bytes", input->request->nvram_size);
}

/* REASON, and behind "machine" what the firmware is for, behind "nvram-size" both sizes. */
static void append_reason(
        GString *text, const SelectionInput *input, const FileVerdict *verdict,
        const char *reason) {
    const Descriptor *descriptor = verdict->file->descriptor;

    g_string_append(text, reason);
    if (g_str_equal(reason, "nvram-size"))
        append_size(text, input, verdict->file);
    if (g_str_equal(reason, "machine"))
        for (guint i = 0, n = 0; i < descriptor->targets->len; i++) {
            const DescriptorTarget *target = descriptor->targets->pdata[i];

            if (!g_str_equal(target->architecture, input->machine.architecture))
                continue;
            for (char **glob = target->machines; *glob && n < MAX_NEAREST_REASONS; glob++, n++)
                g_string_append_printf(text, "%s%s", n > 0 ? " " : ": for ", *glob);
        }
}

static void append_candidate(
        GString *text, const SelectionInput *input, const FileVerdict *verdict) {
    g_string_append_printf(text, " %s (", verdict->file->name);
    for (guint i = 0; verdict->reasons[i]; i++) {
        if (i == MAX_NEAREST_REASONS) {
            g_string_append(text, ", …");
            break;
        }
        g_string_append(text, i > 0 ? ", " : "");
        append_reason(text, input, verdict, verdict->reasons[i]);
    }
    g_string_append_c(text, ')');
}

static void append_candidates(GString *text, const SelectionInput *input) {
    g_autoptr(GPtrArray) verdicts = selection_explain(input);
    g_autoptr(GPtrArray) candidates = g_ptr_array_new();

    for (guint i = 0; i < verdicts->len; i++) {
        FileVerdict *verdict = verdicts->pdata[i];

        if (verdict->verdict == VERDICT_REJECTED)
            g_ptr_array_add(candidates, verdict);
    }
    g_ptr_array_sort(candidates, compare_distances);

    g_string_append(text, candidates->len > 0 ? "; nearest:" : ": there is no valid descriptor");
    for (guint i = 0; i < MIN(candidates->len, MAX_NEAREST); i++) {
        g_string_append(text, i > 0 ? ";" : "");
        append_candidate(text, input, candidates->pdata[i]);
    }
}

/* "; machine type q35 gets NAME": the same question with each alias of another board. */
static void append_other_machines(GString *text, const SelectionInput *input) {
    const MachineTable *machines = input->catalog->machines;
    const char *architecture = input->machine.architecture;
    g_autoptr(GPtrArray) names = machine_table_list_names(machines, architecture);

    for (guint i = 0; names->pdata[i]; i++) {
        SelectionInput other = *input;
        const CatalogFile *found = NULL;

        other.machine = machine_table_resolve_for(
                machines, architecture, names->pdata[i], input->request->qemu_version);
        if (g_str_equal(other.machine.canonical, names->pdata[i]) ||
            other.machine.board == input->machine.board)
            continue;
        visit_passing(&other, take_first, &found);
        if (found)
            g_string_append_printf(
                    text, "; machine type %s gets %s", (const char *)names->pdata[i], found->name);
    }
}

static char *describe_failure(const SelectionInput *input) {
    const Request *request = input->request;
    gboolean is_alias = !g_str_equal(input->machine.canonical, request->machine);
    g_autofree char *unknown = unknown_describe(input->catalog, request);
    g_autoptr(GString) text = g_string_new(unknown);

    if (unknown)
        g_string_append(text, g_str_has_suffix(unknown, "?") ? " " : "; ");
    g_string_append_printf(
            text, "no usable firmware for %s %s%s%s%s passes", request->architecture,
            request->machine, is_alias ? " (" : "", is_alias ? input->machine.canonical : "",
            is_alias ? ")" : "");
    append_candidates(text, input);
    if (!unknown)
        append_other_machines(text, input);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* -- questions ---------------------------------------------------------------------------- */

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

const CatalogFile *selection_choose(const SelectionInput *input, GError **error) {
    const CatalogFile *chosen = NULL;

    visit_passing(input, take_first, &chosen);
    if (!chosen) {
        g_autofree char *text = describe_failure(input);
        g_set_error_literal(error, FIRMWARE_ERROR, FIRMWARE_ERROR_NO_MATCHING_FIRMWARE, text);
    }
    return chosen;
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
    visit_passing(input, add_capabilities, capabilities);
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
