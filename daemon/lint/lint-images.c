/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lint/lint-images.h"

#include <string.h>

#include "core/catalog-file.h"
#include "core/catalog-store.h"
#include "core/pair.h"
#include "lint/lint-features.h"
#include "lint/targets.h"

/* The descriptor whose images are checked. */
typedef struct Firmware {
    GPtrArray *findings;
    const LintFacts *facts;
    const char *path;
    LintSpelling spelling;
    const Descriptor *descriptor;
    FirmwareImages images;
    GHashTable *mismatches; /* pointers that were reported */
} Firmware;

/* -- where an image stands in the document ----------------------------------------------- */

typedef enum Part {
    PART_EXECUTABLE,
    PART_TEMPLATE
} Part;

static const DescriptorImage *get_image(const Firmware *firmware, Part part) {
    return part == PART_EXECUTABLE ? &firmware->descriptor->executable
                                   : &firmware->descriptor->nvram_template;
}

static char *part_pointer(const Firmware *firmware, Part part, const char *member) {
    const char *plain =
            part == PART_EXECUTABLE ? "/mapping/filename" : "/mapping/uefi-vars/template";
    const char *image = part == PART_EXECUTABLE ? "/mapping/executable" : "/mapping/nvram-template";

    return firmware->spelling == LINT_SPELLING_PLAIN ? g_strdup(plain)
                                                     : g_strconcat(image, "/", member, NULL);
}

/* -- each image -------------------------------------------------------------------------- */

static void check_format(const Firmware *firmware, Part part, const DescriptorImage *image) {
    g_autofree char *pointer = part_pointer(firmware, part, "format");
    ImageFormat ignored;

    if (image->format[0] == '\0')
        lint_add(
                firmware->findings, LINT_SEVERITY_ERROR, "bad-format", firmware->path, pointer,
                "the format is empty: raw or qcow2 is needed");
    else if (!image_format_from_string(image->format, &ignored))
        lint_add(
                firmware->findings, LINT_SEVERITY_ERROR, "bad-format", firmware->path, pointer,
                "unknown format \"%s\": raw or qcow2 is needed", image->format);
    else
        lint_add(
                firmware->findings, LINT_SEVERITY_ERROR, "bad-format", firmware->path, pointer,
                "%s is not of format %s, or a %s cannot be of it", image->filename, image->format,
                firmware_device_to_string(firmware->descriptor->device));
}

static void check_image(const Firmware *firmware, Part part, const ImageInfo *info) {
    const DescriptorImage *image = get_image(firmware, part);
    g_autofree char *filename_pointer = part_pointer(firmware, part, "filename");

    if (!image->filename)
        return;

    switch (info->status) {
    case IMAGE_STATUS_OK:
        /* the service answers with it, and makes no VM of it */
        if (info->is_foreign)
            lint_add(
                    firmware->findings, LINT_SEVERITY_ERROR, "bad-format", firmware->path,
                    filename_pointer, "%s names another file: no virtual machine is made from it",
                    image->filename);
        break;
    case IMAGE_STATUS_MISSING:
        lint_add(
                firmware->findings, LINT_SEVERITY_ERROR, "file-missing", firmware->path,
                filename_pointer, "%s is not there", image->filename);
        break;
    case IMAGE_STATUS_UNREADABLE:
        lint_add(
                firmware->findings, LINT_SEVERITY_ERROR, "file-unreadable", firmware->path,
                filename_pointer, "%s cannot be read, or is no regular file", image->filename);
        break;
    case IMAGE_STATUS_BAD_FORMAT:
        check_format(firmware, part, image);
        break;
    case IMAGE_STATUS_TOO_LARGE:
        lint_add(
                firmware->findings, LINT_SEVERITY_ERROR, "bad-size", firmware->path,
                filename_pointer, "%s has %" G_GUINT64_FORMAT " bytes, a JSON store at most %d",
                image->filename, info->size, IMAGE_JSON_MAX_SIZE);
        break;
    }
}

/* -- what is recorded -------------------------------------------------------------------- */

static char *value_to_string(const FlashUnit *unit, const FlashKey *key) {
    gconstpointer field = flash_unit_get(unit, key);

    if (key->type == 's')
        return g_strdup(*(char *const *)field);
    if (key->type == 'b')
        return g_strdup(*(const gboolean *)field ? "true" : "false");
    return g_strdup_printf("%" G_GUINT64_FORMAT, flash_unit_get_number(unit, key));
}

static void check_record(
        const Firmware *firmware, Part part, const FlashUnit *unit, const char *glob) {
    const FlashRecord *record = get_image(firmware, part)->flash;
    g_autofree char *parent = part_pointer(firmware, part, "flash");
    const FlashKey *key = flash_keys;

    for (; record && (key = flash_record_find_mismatch(record, unit, key)); key++) {
        g_autofree char *pointer = g_strconcat(parent, "/", key->name, NULL);
        g_autofree char *recorded = value_to_string(&record->values, key);
        g_autofree char *value = value_to_string(unit, key);

        /* report it once for all machines */
        if (!g_hash_table_contains(firmware->mismatches, pointer))
            lint_add(
                    firmware->findings, LINT_SEVERITY_ERROR, "geometry-mismatch", firmware->path,
                    pointer, "%s is recorded, and machine %s has %s", recorded, glob, value);
        g_hash_table_add(firmware->mismatches, g_steal_pointer(&pointer));
    }
}

/* -- machines ---------------------------------------------------------------------------- */

/* One glob of the targets. */
typedef struct GlobFit {
    const Firmware *firmware;
    const char *glob;
    char *pointer;
    gboolean fits;
    const Board *board; /* of the first machine that fits; NULL: unknown to the table */
    GPtrArray *reasons; /* of the machines that do not fit */
} GlobFit;

static void glob_fit_free(GlobFit *fit) {
    g_free(fit->pointer);
    g_ptr_array_unref(fit->reasons);
    g_free(fit);
}

static gboolean try_machine(const TargetFit *fit, gpointer userdata) {
    GlobFit *glob = userdata;

    if (fit->fits) {
        glob->fits = TRUE;
        glob->board = fit->machine->board;
        for (guint i = 0; glob->board && fit->units && i < fit->units->len; i++)
            check_record(glob->firmware, (Part)i, fit->units->pdata[i], glob->glob);
        return FALSE;
    }
    for (guint i = 0; i < fit->reasons->len; i++)
        g_ptr_array_add(glob->reasons, g_strdup(fit->reasons->pdata[i]));
    return TRUE;
}

/* Of GlobFit */
static GPtrArray *try_globs(const Firmware *firmware) {
    g_autoptr(GPtrArray) fits = g_ptr_array_new_with_free_func((GDestroyNotify)glob_fit_free);
    const GPtrArray *targets = firmware->descriptor->targets;

    for (guint i = 0; i < targets->len; i++) {
        const DescriptorTarget *target = targets->pdata[i];

        for (guint j = 0; target->machines[j]; j++) {
            GlobFit *fit = g_new0(GlobFit, 1);

            fit->firmware = firmware;
            fit->glob = target->machines[j];
            fit->pointer = g_strdup_printf("/targets/%u/machines/%u", i, j);
            fit->reasons = g_ptr_array_new_with_free_func(g_free);
            targets_visit(
                    firmware->descriptor, &firmware->images, firmware->facts->machines,
                    target->architecture, fit->glob, try_machine, fit);
            g_ptr_array_add(fits, fit);
        }
    }
    return g_steal_pointer(&fits);
}

static void tell_misfit(const Firmware *firmware, LintSeverity severity, const GlobFit *fit) {
    const char *reason = fit->reasons->len > 0 ? fit->reasons->pdata[0] : "machine";

    if (g_str_has_prefix(reason, "bad-size:"))
        lint_add(
                firmware->findings, severity, "bad-size", firmware->path, fit->pointer,
                "%s (machine %s)", reason + strlen("bad-size:"), fit->glob);
    else if (g_str_equal(reason, "geometry-unknown"))
        lint_add(
                firmware->findings, severity, "geometry-unknown", firmware->path, fit->pointer,
                "no flash for these images is known on machine %s, and none is recorded",
                fit->glob);
    else
        lint_add(
                firmware->findings, severity, "machine", firmware->path, fit->pointer,
                "%s matches no machine type; it has its full name, as pc-q35-*, not an alias",
                fit->glob);
}

/* The service accepts a firmware that fits some machine. */
static const Board *check_machines(const Firmware *firmware) {
    g_autoptr(GPtrArray) fits = try_globs(firmware);
    gboolean is_usable = FALSE;
    const Board *board = NULL;

    for (guint i = 0; i < fits->len; i++) {
        const GlobFit *fit = fits->pdata[i];

        is_usable = is_usable || fit->fits;
        board = board ? board : fit->board;
    }
    if (!is_usable) {
        tell_misfit(firmware, LINT_SEVERITY_ERROR, fits->pdata[0]);
        return NULL;
    }
    for (guint i = 0; i < fits->len; i++) {
        const GlobFit *fit = fits->pdata[i];

        if (!fit->fits)
            tell_misfit(firmware, LINT_SEVERITY_WARNING, fit);
    }
    return board;
}

/* -- code and variables ------------------------------------------------------------------ */

static gboolean has_interface(const Descriptor *descriptor, const char *interface) {
    return g_strv_contains((const char *const *)descriptor->interface_types, interface);
}

/* If units have no fixed size, code and variables are two parts of one image, whose size is a power
 * of two: 2 or 4 MiB for OVMF. With mismatched parts the guest hangs. */
static void check_pair(const Firmware *firmware, const Board *board) {
    const Descriptor *descriptor = firmware->descriptor;
    const FirmwareImages *images = &firmware->images;
    guint64 size = images->executable.size + images->nvram_template.size;

    if (!board || board->placement != FLASH_PLACEMENT_STACKED_DOWN ||
        descriptor->device != FIRMWARE_DEVICE_FLASH || descriptor->mode != FIRMWARE_MODE_SPLIT ||
        !has_interface(descriptor, "uefi") || (size & (size - 1)) == 0)
        return;

    lint_add(
            firmware->findings, LINT_SEVERITY_WARNING, "pair", firmware->path, "/mapping",
            "%s (%" G_GUINT64_FORMAT " bytes) and %s (%" G_GUINT64_FORMAT
            " bytes) are no parts of one image, whose size is a power of two",
            descriptor->executable.filename, images->executable.size,
            descriptor->nvram_template.filename, images->nvram_template.size);
}

/* Returns FALSE if the images are a bad pair. */
static gboolean check_contents(const Firmware *firmware) {
    g_autoptr(GPtrArray) reasons = g_ptr_array_new_with_free_func(g_free);
    const gboolean is_sound = pair_check(firmware->descriptor, &firmware->images, reasons);

    for (guint i = 0; i < reasons->len; i++) {
        const char *reason = reasons->pdata[i];

        lint_add(
                firmware->findings, LINT_SEVERITY_ERROR, "bad-pair", firmware->path, "/mapping",
                "%s", reason + strlen("bad-pair:"));
    }
    return is_sound;
}

/* Nothing stops booting: only boot loaders that were signed later do not start. */
static void check_expiry(const Firmware *firmware, const StoreSummary *store) {
    g_autofree char *date = store_summary_find_expired(store, firmware->facts->now);

    if (date)
        lint_add(
                firmware->findings, LINT_SEVERITY_WARNING, "certificates", firmware->path,
                "/mapping",
                "the certificates in the variables of a new VM expired on %s: boot loaders signed "
                "since then do not start",
                date);
}

/* Returns FALSE with FIRMWARE_ERROR_IO if the system failed. */
static gboolean check_keys(const Firmware *firmware, GError **error) {
    const Descriptor *descriptor = firmware->descriptor;
    const gboolean is_claimed = descriptor_has_feature(descriptor, "enrolled-keys");
    g_autoptr(GHashTable) stores = catalog_stores_new();
    const CatalogStoreReading reading = {.known = firmware->facts->known, .stores = stores};
    g_autoptr(StoreSummary) store = NULL;
    g_autoptr(StoreSummary) with_keys = NULL;
    gboolean is_enrolled;

    if (!catalog_store_read(&reading, descriptor, &firmware->images, &store, &with_keys, error))
        return FALSE;
    if (!store || !store->is_readable)
        return TRUE;
    is_enrolled = store->secure_boot != SECURE_BOOT_SETUP;
    if (is_claimed && !is_enrolled)
        lint_add(
                firmware->findings, LINT_SEVERITY_ERROR, "enrolled-keys", firmware->path,
                "/features",
                "enrolled-keys, but the variables of a new VM have no platform key: Secure Boot is "
                "off");
    else if (is_enrolled && !is_claimed)
        lint_add(
                firmware->findings, LINT_SEVERITY_ERROR, "enrolled-keys", firmware->path,
                "/features",
                "no enrolled-keys, but the variables of a new VM have a platform key: the guest "
                "starts signed boot loaders only");
    else if (is_enrolled)
        check_expiry(firmware, store);
    return TRUE;
}

gboolean lint_images(
        GPtrArray *findings, const LintFacts *facts, GHashTable *known_images, const char *path,
        const Descriptor *descriptor, LintSpelling spelling, GError **error) {
    g_autoptr(GHashTable) mismatches = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GPtrArray) reasons = g_ptr_array_new_with_free_func(g_free);
    Firmware firmware = {
            .findings = findings,
            .facts = facts,
            .path = path,
            .spelling = spelling,
            .descriptor = descriptor,
            .mismatches = mismatches};
    const CatalogReading reading = {.is_first = TRUE, .images = known_images};
    const Board *board;

    if (!catalog_file_probe_images(&reading, descriptor, &firmware.images, error))
        return FALSE;

    check_image(&firmware, PART_EXECUTABLE, &firmware.images.executable);
    check_image(&firmware, PART_TEMPLATE, &firmware.images.nvram_template);
    if (!catalog_file_check_images(descriptor, &firmware.images, reasons))
        return TRUE;

    board = check_machines(&firmware);
    if (check_contents(&firmware))
        check_pair(&firmware, board);
    return check_keys(&firmware, error) &&
            lint_feature_claims(findings, path, descriptor, &firmware.images.executable, error);
}
