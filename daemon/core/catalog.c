/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/catalog.h"

#include "core/flash.h"
#include "core/pair.h"
#include "base/text.h"

static void problem_free(CatalogProblem *problem) {
    g_free(problem->path);
    g_free(problem->text);
    g_free(problem);
}

static void catalog_clear(gpointer data) {
    Catalog *catalog = data;

    machine_table_unref(catalog->machines);
    known_certificates_unref(catalog->known);
    candidates_free(catalog->candidates);
    host_keys_unref(catalog->host_keys);
    g_ptr_array_unref(catalog->firmware);
    g_clear_pointer(&catalog->files, g_ptr_array_unref);
    g_ptr_array_unref(catalog->problems);
    g_strfreev(catalog->architectures);
    g_hash_table_unref(catalog->images);
    g_hash_table_unref(catalog->stores);
    g_hash_table_unref(catalog->silent);
}

Catalog *catalog_ref(Catalog *catalog) {
    return g_atomic_rc_box_acquire(catalog);
}

void catalog_unref(Catalog *catalog) {
    if (catalog)
        g_atomic_rc_box_release_full(catalog, catalog_clear);
}

static CatalogProblem *add_problem(Catalog *catalog, const char *path, const char *text) {
    CatalogProblem *problem = g_new0(CatalogProblem, 1);

    problem->path = text_make_valid(path);
    problem->text = g_strdup(text);
    g_ptr_array_add(catalog->problems, problem);
    return problem;
}

void catalog_add_problem(Catalog *catalog, const char *path, const char *text) {
    (void)add_problem(catalog, path, text);
}

void catalog_add_conf_problems(Catalog *catalog, const GPtrArray *problems) {
    for (guint i = 0; i < problems->len; i++) {
        const ConfProblem *problem = problems->pdata[i];

        catalog_add_problem(catalog, problem->path, problem->text);
    }
}

void catalog_add_silent(Catalog *catalog, const char *path) {
    g_hash_table_add(catalog->silent, g_strdup(path));
}

/* -- one firmware ------------------------------------------------------------------------ */

typedef struct FitSearch {
    const CatalogFile *file;
    GPtrArray *reasons; /* of the first machine; emptied when one fits */
    gboolean is_first;
    gboolean fits;
} FitSearch;

static gboolean try_machine(const Machine *machine, gpointer userdata) {
    FitSearch *search = userdata;
    g_autoptr(GPtrArray) reasons = g_ptr_array_new_with_free_func(g_free);

    search->fits =
            flash_fit(search->file->descriptor, &search->file->images, machine, reasons, NULL);
    if (search->is_first)
        g_ptr_array_extend_and_steal(search->reasons, g_steal_pointer(&reasons));
    search->is_first = FALSE;
    return !search->fits;
}

/* "usable: some machine of its targets takes it" */
static void find_fitting_machine(
        const CatalogFile *file, const MachineTable *machines, GPtrArray *reasons) {
    const GPtrArray *targets = file->descriptor->targets;
    FitSearch search = {.file = file, .reasons = reasons, .is_first = TRUE};

    for (guint i = 0; i < targets->len && !search.fits; i++) {
        const DescriptorTarget *target = targets->pdata[i];

        for (char **glob = target->machines; *glob && !search.fits; glob++)
            machine_table_visit(machines, target->architecture, *glob, try_machine, &search);
    }

    if (search.fits)
        g_ptr_array_set_size(reasons, 0);
    else if (search.is_first)
        g_ptr_array_add(reasons, g_strdup("machine"));
}

/* Such a firmware is usable, but not for what it claims. */
static void add_confidential_flash(const Descriptor *descriptor, GPtrArray *reasons) {
    for (char **feature = descriptor->features; *feature; feature++)
        if (descriptor_has_confidential_flash(descriptor, *feature))
            g_ptr_array_add(reasons, g_strconcat("confidential-flash:", *feature, NULL));
}

static void judge_pair(CatalogFile *file, GPtrArray *reasons) {
    g_autoptr(GPtrArray) faults = g_ptr_array_new_with_free_func(g_free);

    if (pair_check(file->descriptor, &file->images, faults))
        return;
    g_ptr_array_add(faults, NULL);
    file->pair_faults = (GStrv)g_ptr_array_free(g_steal_pointer(&faults), FALSE);
    for (char **fault = file->pair_faults; *fault; fault++)
        g_ptr_array_add(reasons, g_strdup(*fault));
}

static void judge(CatalogFile *file, const MachineTable *machines) {
    g_autoptr(GPtrArray) reasons = g_ptr_array_new_with_free_func(g_free);

    if (file->fault)
        g_ptr_array_add(reasons, g_strdup(file->fault));
    else if (catalog_file_check_images(file->descriptor, &file->images, reasons)) {
        find_fitting_machine(file, machines, reasons);
        judge_pair(file, reasons);
    }

    file->state = file->fault ? FIRMWARE_STATE_INVALID
            : reasons->len    ? FIRMWARE_STATE_UNUSABLE
                              : FIRMWARE_STATE_USABLE;
    if (file->descriptor)
        add_confidential_flash(file->descriptor, reasons);
    g_ptr_array_add(reasons, NULL);
    file->reasons = (GStrv)g_ptr_array_free(g_steal_pointer(&reasons), FALSE);
}

/* "A builtin descriptor whose image is absent is unusable and no Problem": the builtin layer names
 * the places of every distribution. */
static gboolean is_expected(const CatalogFile *file) {
    return file->layer == FIRMWARE_LAYER_BUILTIN && file->descriptor &&
            file->images.executable.status == IMAGE_STATUS_MISSING;
}

/* -- files of one name --------------------------------------------------------------------- */

typedef struct Build {
    const CatalogSources *sources;
    CatalogReading reading;
    CatalogStoreReading store_reading;
    Catalog *catalog;
    gboolean same_machines; /* as in the previous catalog */
} Build;

/* Files of one name, the effective one first. */
typedef struct Group {
    CatalogFile **files;
    guint n;
} Group;

static Group find_group(const GPtrArray *files, guint begin) {
    CatalogFile **first = (CatalogFile **)&files->pdata[begin];
    guint n = 1;

    while (begin + n < files->len && g_str_equal(first[n]->file_name, first[0]->file_name))
        n++;
    return (Group){.files = first, .n = n};
}

/* The group has the same files as in the previous catalog. */
static gboolean is_as_before(const Group *group) {
    const CatalogFile *effective = group->files[0];

    if (!effective->is_complete || effective->overridden_by ||
        (effective->overrides && g_strv_length(effective->overrides) != group->n - 1))
        return FALSE;
    for (guint i = 1; i < group->n; i++)
        if (!group->files[i]->is_complete || group->files[i]->overridden_by != effective)
            return FALSE;
    return TRUE;
}

static GStrv list_overrides(const Group *group) {
    GStrv overrides = g_new0(char *, group->n);

    for (guint i = 1; i < group->n; i++)
        overrides[i - 1] = g_strdup(group->files[i]->path);
    return overrides;
}

/* Replaces files that other catalogs share. */
static void make_own(const Group *group) {
    for (guint i = 0; i < group->n; i++) {
        CatalogFile *file = group->files[i];

        if (!file->is_complete)
            continue;
        group->files[i] = catalog_file_copy_content(file);
        catalog_file_unref(file);
    }
}

static void complete_group(
        const Build *build, const Group *group, const FirmwareImages *images, StoreSummary *store,
        StoreSummary *with_keys) {
    CatalogFile *effective;

    make_own(group);
    effective = group->files[0];
    for (guint i = 0; i < group->n; i++) {
        group->files[i]->is_complete = TRUE;
        group->files[i]->overridden_by = i > 0 ? effective : NULL;
    }
    if (effective->is_mask)
        return;

    effective->images = *images;
    effective->store = store ? store_summary_ref(store) : NULL;
    effective->with_keys = with_keys ? store_summary_ref(with_keys) : NULL;
    effective->overrides = list_overrides(group);
    judge(effective, build->catalog->machines);
}

static gboolean settle_group(const Build *build, const Group *group, GError **error) {
    const CatalogFile *effective = group->files[0];
    gboolean is_same = is_as_before(group) && build->same_machines;
    FirmwareImages images = {};
    g_autoptr(StoreSummary) store = NULL;
    g_autoptr(StoreSummary) with_keys = NULL;

    if (effective->descriptor) {
        if (!catalog_file_probe_images(&build->reading, effective->descriptor, &images, error) ||
            !catalog_store_read(
                    &build->store_reading, effective->descriptor, &images, &store, &with_keys,
                    error))
            return FALSE;
        is_same = is_same && image_info_equal(&images.executable, &effective->images.executable) &&
                image_info_equal(&images.nvram_template, &effective->images.nvram_template) &&
                store_summary_equal(store, effective->store) &&
                store_summary_equal(with_keys, effective->with_keys);
    }
    if (!is_same)
        complete_group(build, group, &images, store, with_keys);
    return TRUE;
}

static gboolean is_wanted(const Build *build, const CatalogFile *file) {
    const char *architecture = build->sources->architecture;

    return !architecture ||
            (file->descriptor && descriptor_has_architecture(file->descriptor, architecture));
}

static void publish_file(Catalog *catalog, CatalogFile *file) {
    g_ptr_array_add(catalog->firmware, file);
    if (file->reasons[0] && !is_expected(file)) {
        g_autofree char *text = g_strjoinv(", ", file->reasons);
        catalog_add_problem(catalog, file->path, text);
    }
}

/* A template is named once, whatever number of firmware has it. */
static void add_expired(Catalog *catalog, gint64 now) {
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < catalog->firmware->len; i++) {
        const CatalogFile *file = catalog->firmware->pdata[i];
        g_autofree char *date = store_summary_find_expired(file->with_keys, now);
        const char *template;
        g_autofree char *text = NULL;

        if (!date || file->state != FIRMWARE_STATE_USABLE ||
            !descriptor_has_feature(file->descriptor, FEATURE_SECURE_BOOT))
            continue;
        template = descriptor_get_variables_image(file->descriptor)->filename;
        if (!g_hash_table_add(seen, (gpointer) template))
            continue;
        text = g_strdup_printf(
                "its certificates expired on %s, so that boot loaders signed since then do not "
                "start in new VMs; 'vmfirmwarectl enroll ID microsoft-2023' mends a VM, and keys "
                "of this host (EnrollDirectory=) all new ones: see vmfirmware-secure-boot(7)",
                date);
        add_problem(catalog, template, text)->is_expired = TRUE;
    }
}

/* -- all of them ------------------------------------------------------------------------- */

static void collect_architectures(Catalog *catalog) {
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) architectures = g_ptr_array_new();

    for (guint i = 0; i < catalog->firmware->len; i++) {
        const CatalogFile *file = catalog->firmware->pdata[i];

        if (file->state != FIRMWARE_STATE_USABLE)
            continue;
        for (guint j = 0; j < file->descriptor->targets->len; j++) {
            const DescriptorTarget *target = file->descriptor->targets->pdata[j];
            if (g_hash_table_add(seen, target->architecture))
                g_ptr_array_add(architectures, g_strdup(target->architecture));
        }
    }

    g_ptr_array_sort(architectures, text_compare);
    g_ptr_array_add(architectures, NULL);
    catalog->architectures = (GStrv)g_ptr_array_free(g_steal_pointer(&architectures), FALSE);
}

static gboolean settle_files(const Build *build, GError **error) {
    const CatalogSources *sources = build->sources;
    Catalog *catalog = build->catalog;

    for (guint i = 0; i < catalog->files->len;) {
        Group group = find_group(catalog->files, i);

        i += group.n;
        if (!is_wanted(build, group.files[0]))
            continue;
        if (!settle_group(build, &group, error))
            return FALSE;
        if (!group.files[0]->is_mask)
            publish_file(catalog, group.files[0]);
        if (sources->is_enough && sources->is_enough(catalog, group.files[0], sources->userdata))
            break;
    }
    return TRUE;
}

static Catalog *catalog_new(const CatalogSources *sources) {
    Catalog *catalog = g_atomic_rc_box_new0(Catalog);

    catalog->machines = machine_table_ref(sources->machines);
    catalog->host_keys = sources->host_keys ? host_keys_ref(sources->host_keys) : host_keys_new();
    catalog->known =
            sources->known ? known_certificates_ref(sources->known) : known_certificates_new();
    catalog->firmware = g_ptr_array_new();
    catalog->problems = g_ptr_array_new_with_free_func((GDestroyNotify)problem_free);
    catalog->images = catalog_images_new();
    catalog->stores = catalog_stores_new();
    catalog->silent = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return catalog;
}

static gboolean list_files(const Build *build, GError **error) {
    const CatalogSources *sources = build->sources;
    g_autoptr(GPtrArray) unnamed = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) too_large = g_ptr_array_new_with_free_func(g_free);
    const CatalogListing listing = {
            .reading = &build->reading,
            .layers = sources->layers,
            .previous = sources->previous ? sources->previous->files : NULL,
            .unnamed = unnamed,
            /* the catalog in force is better than a new one without a layer */
            .too_large = sources->previous ? NULL : too_large,
    };
    Catalog *catalog = build->catalog;

    catalog->files = catalog_list_files(&listing, error);
    for (guint i = 0; i < unnamed->len; i++)
        catalog_add_problem(catalog, unnamed->pdata[i], "the file name is not UTF-8");
    for (guint i = 0; i < too_large->len; i++)
        catalog_add_problem(
                catalog, too_large->pdata[i],
                "too many descriptor files, with those of the layers below; none here is read");
    return catalog->files != NULL;
}

static gboolean fill(const Build *build, GError **error) {
    const GPtrArray *machine_problems = machine_table_get_problems(build->sources->machines);
    Catalog *catalog = build->catalog;

    if (!list_files(build, error) || !settle_files(build, error))
        return FALSE;

    add_expired(catalog, build->sources->now / G_USEC_PER_SEC);
    catalog_add_conf_problems(catalog, machine_problems);
    collect_architectures(catalog);
    catalog->candidates = candidates_new(catalog->firmware);
    return TRUE;
}

Catalog *catalog_build(const CatalogSources *sources, GError **error) {
    g_autoptr(Catalog) catalog = catalog_new(sources);
    Build build = {
            .sources = sources,
            .catalog = catalog,
            .same_machines = sources->previous &&
                    machine_table_equal(sources->machines, sources->previous->machines),
            .reading =
                    {
                            .now = sources->now,
                            .visitor = sources->visitor,
                            .is_first = !sources->previous,
                            .images = catalog->images,
                            .previous_images = sources->previous ? sources->previous->images : NULL,
                            .ret_is_held = &catalog->is_held,
                    },
            .store_reading =
                    {
                            .now = sources->now,
                            .visitor = sources->visitor,
                            .known = catalog->known,
                            .host_keys = catalog->host_keys,
                            .stores = catalog->stores,
                            /* the certificates of the others have other names */
                            .previous_stores = sources->previous &&
                                            known_certificates_equal(
                                                       catalog->known, sources->previous->known) &&
                                            host_keys_equal(
                                                       catalog->host_keys,
                                                       sources->previous->host_keys)
                                    ? sources->previous->stores
                                    : NULL,
                    },
    };

    return fill(&build, error) ? g_steal_pointer(&catalog) : NULL;
}

static guint find_rank(const Catalog *catalog, const char *name) {
    g_autofree char *file_name = g_strconcat(name, ".json", NULL);

    return catalog_find_place(catalog->firmware, file_name);
}

const CatalogFile *catalog_find(const Catalog *catalog, const char *name) {
    guint rank = find_rank(catalog, name);
    const CatalogFile *file = rank < catalog->firmware->len ? catalog->firmware->pdata[rank] : NULL;

    return file && g_str_equal(file->name, name) ? file : NULL;
}

guint catalog_get_rank(const Catalog *catalog, const CatalogFile *file) {
    return find_rank(catalog, file->name);
}
