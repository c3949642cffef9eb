/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "catalog.h"

#include <dirent.h>
#include <string.h>

#include "error.h"
#include "file.h"
#include "flash.h"
#include "text.h"

static void problem_free(CatalogProblem *problem) {
    g_free(problem->path);
    g_free(problem->text);
    g_free(problem);
}

static void catalog_clear(gpointer data) {
    Catalog *catalog = data;

    machine_table_unref(catalog->machines);
    g_hash_table_unref(catalog->by_name);
    g_ptr_array_unref(catalog->firmware);
    g_ptr_array_unref(catalog->files);
    g_ptr_array_unref(catalog->problems);
    g_strfreev(catalog->architectures);
}

Catalog *catalog_ref(Catalog *catalog) {
    return g_atomic_rc_box_acquire(catalog);
}

void catalog_unref(Catalog *catalog) {
    if (catalog)
        g_atomic_rc_box_release_full(catalog, catalog_clear);
}

static void add_problem(Catalog *catalog, const char *path, const char *text) {
    CatalogProblem *problem = g_new0(CatalogProblem, 1);

    problem->path = text_make_valid(path);
    problem->text = g_strdup(text);
    g_ptr_array_add(catalog->problems, problem);
}

static gboolean system_failed(int r, const char *path, GError **error) {
    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_IO, "cannot read %s: %s", path, g_strerror(-r));
    return FALSE;
}

/* -- one layer --------------------------------------------------------------------------- */

static void close_dir(DIR *dir) {
    (void)closedir(dir);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DIR, close_dir)

static gboolean read_layer(Catalog *catalog, const CatalogLayer *layer, GError **error) {
    g_autoptr(DIR) dir = opendir(layer->directory);
    const struct dirent *entry;

    if (!dir)
        return file_is_at_fault(-errno) || system_failed(-errno, layer->directory, error);

    while (errno = 0, (entry = readdir(dir))) {
        g_autofree char *path = NULL;
        CatalogFile *file = NULL;
        int r;

        if (!catalog_file_is_name(entry->d_name))
            continue;

        path = g_build_filename(layer->directory, entry->d_name, NULL);
        if (!text_is_valid(path)) {
            add_problem(catalog, path, "the file name is not UTF-8");
            continue;
        }
        r = catalog_file_read(layer, dirfd(dir), entry->d_name, &file);
        if (r < 0)
            return system_failed(r, path, error);
        if (!file)
            continue;
        g_ptr_array_add(catalog->files, file);
        if (catalog->files->len > CATALOG_MAX_FILES) {
            g_set_error(
                    error, FIRMWARE_ERROR, FIRMWARE_ERROR_LIMITS_EXCEEDED,
                    "more than %d descriptor files, the first too many is %s", CATALOG_MAX_FILES,
                    path);
            return FALSE;
        }
    }

    return errno == 0 || system_failed(-errno, layer->directory, error);
}

/* -- all of them ------------------------------------------------------------------------- */

typedef struct FitSearch {
    const CatalogFile *file;
    GPtrArray *reasons; /* of the first machine; emptied when one fits */
    gboolean is_first;
    gboolean fits;
} FitSearch;

static gboolean try_machine(const Machine *machine, gpointer userdata) {
    FitSearch *search = userdata;
    g_autoptr(GPtrArray) reasons = g_ptr_array_new_with_free_func(g_free);

    search->fits = flash_fit(
            search->file->descriptor, &search->file->executable, &search->file->nvram_template,
            machine, reasons, NULL);
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

static void judge(CatalogFile *file, const MachineTable *machines) {
    g_autoptr(GPtrArray) reasons = g_ptr_array_new_with_free_func(g_free);

    if (file->fault)
        g_ptr_array_add(reasons, g_strdup(file->fault));
    else if (catalog_file_check_images(file, reasons))
        find_fitting_machine(file, machines, reasons);

    file->state = file->fault ? FIRMWARE_STATE_INVALID
            : reasons->len    ? FIRMWARE_STATE_UNUSABLE
                              : FIRMWARE_STATE_USABLE;
    g_ptr_array_add(reasons, NULL);
    file->reasons = (GStrv)g_ptr_array_free(g_steal_pointer(&reasons), FALSE);
}

/* "A builtin descriptor whose image is absent is unusable and no Problem": the builtin layer names
 * the places of every distribution. */
static gboolean is_expected(const CatalogFile *file) {
    return file->layer == FIRMWARE_LAYER_BUILTIN && file->descriptor &&
            file->executable.status == IMAGE_STATUS_MISSING;
}

static void publish_file(Catalog *catalog, CatalogFile *file) {
    judge(file, catalog->machines);
    file->rank = catalog->firmware->len;
    g_ptr_array_add(catalog->firmware, file);
    g_hash_table_insert(catalog->by_name, file->name, file);

    if (file->state != FIRMWARE_STATE_USABLE && !is_expected(file)) {
        g_autofree char *text = g_strjoinv(", ", file->reasons);
        add_problem(catalog, file->path, text);
    }
}

/* By whole file names: "a-b.json" comes before "a.json", the names "a-b" and "a" the other way. */
static int compare_files(gconstpointer a, gconstpointer b) {
    const CatalogFile *const *file_a = a;
    const CatalogFile *const *file_b = b;

    return strcmp(strrchr((*file_a)->path, '/'), strrchr((*file_b)->path, '/'));
}

/* FILES holds the layers one behind the other, most specific first; the sort is stable. */
static void apply_priorities(Catalog *catalog) {
    CatalogFile *effective = NULL;

    g_ptr_array_sort(catalog->files, compare_files);

    for (guint i = 0; i < catalog->files->len; i++) {
        CatalogFile *file = catalog->files->pdata[i];

        if (!effective || !g_str_equal(file->name, effective->name))
            effective = file;
        else
            file->overridden_by = effective;
    }
}

static void publish_files(Catalog *catalog) {
    for (guint i = 0; i < catalog->files->len; i++) {
        CatalogFile *file = catalog->files->pdata[i];
        g_autoptr(GPtrArray) overrides = NULL;

        if (file->overridden_by || file->is_mask)
            continue;

        overrides = g_ptr_array_new();
        for (guint j = i + 1; j < catalog->files->len; j++) {
            const CatalogFile *other = catalog->files->pdata[j];
            if (other->overridden_by != file)
                break;
            g_ptr_array_add(overrides, g_strdup(other->path));
        }
        g_ptr_array_add(overrides, NULL);
        file->overrides = (GStrv)g_ptr_array_free(g_steal_pointer(&overrides), FALSE);

        publish_file(catalog, file);
    }
}

static int compare_strings(gconstpointer a, gconstpointer b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

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

    g_ptr_array_sort(architectures, compare_strings);
    g_ptr_array_add(architectures, NULL);
    catalog->architectures = (GStrv)g_ptr_array_free(g_steal_pointer(&architectures), FALSE);
}

Catalog *catalog_build(const GPtrArray *layers, MachineTable *machines, GError **error) {
    g_autoptr(Catalog) catalog = g_atomic_rc_box_new0(Catalog);
    g_autoptr(GHashTable) images = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    const GPtrArray *machine_problems = machine_table_get_problems(machines);

    catalog->machines = machine_table_ref(machines);
    catalog->files = g_ptr_array_new_with_free_func((GDestroyNotify)catalog_file_free);
    catalog->firmware = g_ptr_array_new();
    catalog->by_name = g_hash_table_new(g_str_hash, g_str_equal);
    catalog->problems = g_ptr_array_new_with_free_func((GDestroyNotify)problem_free);

    for (guint i = layers->len; i > 0; i--)
        if (!read_layer(catalog, layers->pdata[i - 1], error))
            return NULL;

    apply_priorities(catalog);

    for (guint i = 0; i < catalog->files->len; i++) {
        CatalogFile *file = catalog->files->pdata[i];
        int r = file->descriptor && !file->overridden_by ? catalog_file_probe_images(file, images)
                                                         : 0;

        if (r < 0) {
            (void)system_failed(r, file->descriptor->executable.filename, error);
            return NULL;
        }
    }

    publish_files(catalog);
    for (guint i = 0; i < machine_problems->len; i++) {
        const MachineProblem *problem = machine_problems->pdata[i];
        add_problem(catalog, problem->path, problem->text);
    }
    collect_architectures(catalog);
    return g_steal_pointer(&catalog);
}

const CatalogFile *catalog_find(const Catalog *catalog, const char *name) {
    return g_hash_table_lookup(catalog->by_name, name);
}
