/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/catalog-compare.h"

#include <string.h>

static gboolean strv_equal(GStrv a, GStrv b) {
    return g_strv_equal((const char *const *)a, (const char *const *)b);
}

static gboolean images_equal(const DescriptorImage *a, const DescriptorImage *b) {
    return g_strcmp0(a->filename, b->filename) == 0 && g_strcmp0(a->format, b->format) == 0;
}

static gboolean records_equal(const FlashRecord *a, const FlashRecord *b) {
    if (!a || !b)
        return a == b;
    return a->present == b->present && !flash_record_find_mismatch(a, &b->values, flash_keys);
}

static gboolean targets_equal(const GPtrArray *a, const GPtrArray *b) {
    if (a->len != b->len)
        return FALSE;

    for (guint i = 0; i < a->len; i++) {
        const DescriptorTarget *target_a = a->pdata[i];
        const DescriptorTarget *target_b = b->pdata[i];

        if (!g_str_equal(target_a->architecture, target_b->architecture) ||
            !strv_equal(target_a->machines, target_b->machines))
            return FALSE;
    }
    return TRUE;
}

/* The descriptor of a file, or an empty one if it has none. */
static const Descriptor *get_descriptor(const CatalogFile *file) {
    static char *no_words[] = {NULL};
    static gpointer no_targets[1];
    static const GPtrArray targets = {.pdata = no_targets};
    static const Descriptor none = {
            .description = (char *)"",
            .interface_types = no_words,
            .targets = (GPtrArray *)&targets,
            .features = no_words,
            .tags = no_words,
    };

    return file->descriptor ? file->descriptor : &none;
}

static guint compare_descriptors(const CatalogFile *file_a, const CatalogFile *file_b) {
    const Descriptor *a = get_descriptor(file_a);
    const Descriptor *b = get_descriptor(file_b);
    gboolean one_is_none = !file_a->descriptor != !file_b->descriptor;
    guint fields = 0;

    if (a == b)
        return 0;
    if (!g_str_equal(a->description, b->description))
        fields |= CATALOG_FIELD_DESCRIPTION;
    if (!strv_equal(a->interface_types, b->interface_types))
        fields |= CATALOG_FIELD_INTERFACE_TYPES;
    if (one_is_none || a->device != b->device)
        fields |= CATALOG_FIELD_DEVICE;
    if (one_is_none || a->mode != b->mode)
        fields |= CATALOG_FIELD_MODE;
    if (!images_equal(&a->executable, &b->executable))
        fields |= CATALOG_FIELD_EXECUTABLE;
    if (!images_equal(&a->nvram_template, &b->nvram_template))
        fields |= CATALOG_FIELD_NVRAM_TEMPLATE;
    if (!targets_equal(a->targets, b->targets))
        fields |= CATALOG_FIELD_TARGETS;
    if (!strv_equal(a->features, b->features))
        fields |= CATALOG_FIELD_FEATURES;
    if (!strv_equal(a->tags, b->tags))
        fields |= CATALOG_FIELD_TAGS;
    return fields;
}

static guint compare_stores(const CatalogFile *a, const CatalogFile *b) {
    guint fields = 0;

    if (!g_str_equal(catalog_file_get_secure_boot(a), catalog_file_get_secure_boot(b)))
        fields |= CATALOG_FIELD_SECURE_BOOT;
    if (!store_summary_same_generations(a->store, b->store))
        fields |= CATALOG_FIELD_CERTIFICATES;
    if (!g_str_equal(store_summary_get_health(a->store), store_summary_get_health(b->store)))
        fields |= CATALOG_FIELD_HEALTH;
    return fields;
}

/* Of two files of FIRMWARE. */
static guint compare_firmware(const CatalogFile *a, const CatalogFile *b) {
    guint fields = compare_descriptors(a, b) | compare_stores(a, b);

    if (!g_str_equal(a->path, b->path))
        fields |= CATALOG_FIELD_PATH;
    if (a->layer != b->layer)
        fields |= CATALOG_FIELD_LAYER;
    if (a->state != b->state)
        fields |= CATALOG_FIELD_STATE;
    if (!strv_equal(a->reasons, b->reasons))
        fields |= CATALOG_FIELD_REASONS;
    if (!strv_equal(a->overrides, b->overrides))
        fields |= CATALOG_FIELD_OVERRIDES;
    return fields;
}

/* Compares values that are in answers but in no property: sizes, recorded geometry, masks,
 * overridden files. */
static gboolean files_equal(const CatalogFile *a, const CatalogFile *b) {
    if (a == b)
        return TRUE;
    if (!g_str_equal(a->path, b->path) || !a->overridden_by != !b->overridden_by ||
        (!a->overridden_by && a->is_mask != b->is_mask))
        return FALSE;
    /* of an overridden file, answers have the path alone */
    if (a->overridden_by || !a->descriptor || !b->descriptor)
        return TRUE;
    return a->images.executable.size == b->images.executable.size &&
            a->images.nvram_template.size == b->images.nvram_template.size &&
            store_summary_equal(a->store, b->store) &&
            records_equal(a->descriptor->executable.flash, b->descriptor->executable.flash) &&
            records_equal(a->descriptor->nvram_template.flash, b->descriptor->nvram_template.flash);
}

static gboolean all_files_equal(const Catalog *a, const Catalog *b) {
    if (a->files->len != b->files->len)
        return FALSE;

    for (guint i = 0; i < a->files->len; i++)
        if (!files_equal(a->files->pdata[i], b->files->pdata[i]))
            return FALSE;
    return TRUE;
}

static gboolean problems_equal(const GPtrArray *a, const GPtrArray *b) {
    if (a->len != b->len)
        return FALSE;

    for (guint i = 0; i < a->len; i++) {
        const CatalogProblem *problem_a = a->pdata[i];
        const CatalogProblem *problem_b = b->pdata[i];

        if (!g_str_equal(problem_a->path, problem_b->path) ||
            !g_str_equal(problem_a->text, problem_b->text))
            return FALSE;
    }
    return TRUE;
}

/* The names by which a request requires certificates. */
static gboolean names_equal(const KnownCertificates *a, const KnownCertificates *b) {
    for (guint i = 0;; i++) {
        const KnownCertificate *one = known_certificates_get(a, i);
        const KnownCertificate *other = known_certificates_get(b, i);

        if (!one || !other)
            return one == other;
        if (!g_str_equal(one->name, other->name) || !g_str_equal(one->sha256, other->sha256))
            return FALSE;
    }
}

static void add_changed(CatalogChange *change, CatalogFile *file, guint fields) {
    g_ptr_array_add(change->changed, file);
    g_array_append_val(change->fields, fields);
}

/* Both lists are in the order of file names. */
static void compare_all_firmware(
        const GPtrArray *before, const GPtrArray *after, CatalogChange *change) {
    guint i = 0;
    guint j = 0;

    while (i < before->len || j < after->len) {
        CatalogFile *a = i < before->len ? before->pdata[i] : NULL;
        CatalogFile *b = j < after->len ? after->pdata[j] : NULL;
        int order = a == b ? 0 : !a ? 1 : !b ? -1 : strcmp(a->file_name, b->file_name);
        guint fields = order == 0 && a != b ? compare_firmware(a, b) : 0;

        if (order < 0)
            g_ptr_array_add(change->removed, a);
        else if (order > 0)
            g_ptr_array_add(change->added, b);
        else if (fields)
            add_changed(change, b, fields);
        i += order <= 0;
        j += order >= 0;
    }
}

CatalogChange *catalog_compare(const Catalog *before, const Catalog *after) {
    g_autoptr(CatalogChange) change = g_new0(CatalogChange, 1);
    g_autoptr(GPtrArray) none = g_ptr_array_new();

    change->added = g_ptr_array_new();
    change->removed = g_ptr_array_new();
    change->changed = g_ptr_array_new();
    change->fields = g_array_new(FALSE, FALSE, sizeof(guint));
    compare_all_firmware(before ? before->firmware : none, after->firmware, change);

    change->problems_differ = !before || !problems_equal(before->problems, after->problems);
    change->architectures_differ =
            !before || !strv_equal(before->architectures, after->architectures);

    if (before && change->added->len == 0 && change->removed->len == 0 &&
        change->changed->len == 0 && !change->problems_differ &&
        machine_table_equal(before->machines, after->machines) &&
        host_keys_equal(before->host_keys, after->host_keys) && all_files_equal(before, after) &&
        names_equal(before->known, after->known) &&
        catalog_images_have_same_links(before->images, after->images))
        return NULL;

    return g_steal_pointer(&change);
}

void catalog_change_free(CatalogChange *change) {
    if (!change)
        return;

    g_ptr_array_unref(change->added);
    g_ptr_array_unref(change->removed);
    g_ptr_array_unref(change->changed);
    g_array_unref(change->fields);
    g_free(change);
}
