/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lint/lint.h"

#include <fcntl.h>

#include "core/catalog.h"
#include "base/error.h"
#include "base/root.h"
#include "lint/lint-features.h"
#include "lint/lint-images.h"
#include "core/parse.h"
#include "base/text.h"

typedef struct Lint {
    GPtrArray *findings;
    const LintFacts *facts;
    GHashTable *images; /* see catalog_images_new() */
    /* key of a firmware -> name of the first file with it; both char* */
    GHashTable *firmware;
    guint n_files;
} Lint;

/* -- one descriptor ---------------------------------------------------------------------- */

/* Order has no meaning. */
static void append_sorted(GString *key, GStrv strings) {
    g_autoptr(GPtrArray) sorted = g_ptr_array_new();

    for (; *strings; strings++)
        g_ptr_array_add(sorted, *strings);
    g_ptr_array_sort(sorted, text_compare);
    for (guint i = 0; i < sorted->len; i++)
        g_string_append_printf(key, "%s\n", (const char *)sorted->pdata[i]);
    g_string_append_c(key, '\n');
}

static void append_image(GString *key, const DescriptorImage *image) {
    if (image->filename)
        g_string_append_printf(key, "%s\n%s\n", image->filename, image->format);
    g_string_append_c(key, '\n');
}

/* Everything that a request can distinguish two firmwares by. */
static char *firmware_key(const Descriptor *descriptor) {
    g_autoptr(GString) key = g_string_new(NULL);

    g_string_append_printf(key, "%d %d\n", descriptor->device, descriptor->mode);
    append_image(key, &descriptor->executable);
    append_image(key, &descriptor->nvram_template);
    append_sorted(key, descriptor->interface_types);
    append_sorted(key, descriptor->features);
    for (guint i = 0; i < descriptor->targets->len; i++) {
        const DescriptorTarget *target = descriptor->targets->pdata[i];

        g_string_append_printf(key, "%s\n", target->architecture);
        append_sorted(key, target->machines);
    }
    return g_string_free(g_steal_pointer(&key), FALSE);
}

static void check_duplicate(Lint *lint, const char *path, const Descriptor *descriptor) {
    g_autofree char *key = firmware_key(descriptor);
    const char *first = g_hash_table_lookup(lint->firmware, key);

    if (first)
        lint_add(
                lint->findings, LINT_SEVERITY_WARNING, "duplicate", path, NULL,
                "%s says the same and comes first: this one is chosen by its name alone", first);
    else
        g_hash_table_insert(lint->firmware, g_steal_pointer(&key), g_path_get_basename(path));
}

static gboolean check_document(Lint *lint, const char *path, GBytes *document, GError **error) {
    g_autoptr(GError) fault = NULL;
    g_autoptr(Descriptor) descriptor = parse_descriptor(document, &fault);
    LintSpelling spelling;

    if (!descriptor) {
        lint_add_parse_error(lint->findings, path, fault->message);
        return TRUE;
    }
    spelling = lint_members(lint->findings, path, descriptor);
    lint_features(lint->findings, path, descriptor);
    if (!lint_images(lint->findings, lint->facts, lint->images, path, descriptor, spelling, error))
        return FALSE;
    check_duplicate(lint, path, descriptor);
    return TRUE;
}

/* -- masks ------------------------------------------------------------------------------- */

static gboolean is_same_directory(const char *a, const char *b) {
    struct stat st_a;
    struct stat st_b;

    return stat(a, &st_a) == 0 && stat(b, &st_b) == 0 && st_a.st_dev == st_b.st_dev &&
            st_a.st_ino == st_b.st_ino;
}

/* In a layer, a mask can mask files of lower layers; elsewhere, of any that it may be meant for. */
static void check_mask(Lint *lint, const char *path) {
    const GPtrArray *layers = lint->facts->layers;
    g_autofree char *directory = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);

    for (guint i = 0; layers && i < layers->len; i++) {
        const CatalogLayer *layer = layers->pdata[i];
        g_autofree char *masked = g_build_filename(layer->directory, name, NULL);
        struct stat st;

        if (is_same_directory(layer->directory, directory))
            break;
        if (lstat(masked, &st) == 0)
            return;
    }
    if (layers)
        lint_add(
                lint->findings, LINT_SEVERITY_WARNING, "mask", path, NULL,
                "it masks nothing: no lower layer has a file %s", name);
}

/* -- files and directories --------------------------------------------------------------- */

/* IS_NAMED: the caller named the file; otherwise it was found in a directory. */
static gboolean check_failure(
        Lint *lint, const char *path, gboolean is_named, int r, GError **error) {
    struct stat st;
    gboolean is_there = lstat(path, &st) == 0;

    if (!file_is_at_fault(r))
        return firmware_error_set_unreadable(error, path, r);

    if (r == -ENOTSUP) {
        if (file_is_null_device(AT_FDCWD, path))
            check_mask(lint, path);
        else if (is_named)
            lint_add(
                    lint->findings, LINT_SEVERITY_ERROR, "file", path, NULL, "%s",
                    file_describe_error(r));
    } else if (r == -EFBIG) {
        lint_add_parse_error(lint->findings, path, PARSE_TOO_LARGE);
    } else if (is_named || is_there) {
        lint_add(
                lint->findings, LINT_SEVERITY_ERROR, "file", path, NULL, "%s%s",
                is_there && r == -ENOENT ? "a link that leads nowhere: " : "", g_strerror(-r));
    }
    return TRUE;
}

static gboolean check_file(Lint *lint, const char *path, gboolean is_named, GError **error) {
    g_autofree char *name = g_path_get_basename(path);
    g_autoptr(GBytes) document = NULL;
    int r = file_read(AT_FDCWD, path, PARSE_MAX_SIZE, &document);

    if (r < 0)
        return check_failure(lint, path, is_named, r, error);
    lint->n_files++;

    if (!text_is_valid(path))
        lint_add(
                lint->findings, LINT_SEVERITY_ERROR, "file-name", path, NULL,
                "never read: the file name is not UTF-8");
    else if (!catalog_file_is_name(name))
        lint_add(
                lint->findings, LINT_SEVERITY_WARNING, "file-name", path, NULL,
                "only a file *.json that is not hidden is a descriptor");
    if (g_bytes_get_size(document) > 0)
        return check_document(lint, path, document, error);
    check_mask(lint, path);
    return TRUE;
}

/* Adds the names of descriptors, in their order of priority. FALSE: the system failed. */
static gboolean read_names(RootDirectory *dir, GPtrArray *names, const char *path, GError **error) {
    const char *name;
    int r = 0;

    while (names->len <= CATALOG_MAX_FILES && (r = root_directory_next(dir, &name)) > 0)
        if (catalog_file_is_name(name))
            g_ptr_array_add(names, g_strdup(name));
    if (r < 0)
        return firmware_error_set_unreadable(error, path, r);
    g_ptr_array_sort(names, text_compare);
    return TRUE;
}

static gboolean check_directory(Lint *lint, const char *path, GError **error) {
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(RootDirectory) dir = NULL;
    int r = root_open_directory(NULL, path, &dir);

    if (r < 0)
        return check_failure(lint, path, TRUE, r, error);
    if (!read_names(dir, names, path, error))
        return FALSE;
    if (names->len > CATALOG_MAX_FILES) {
        lint_add(
                lint->findings, LINT_SEVERITY_ERROR, "limit", path, NULL,
                "more than %d descriptor files: the service reads none", CATALOG_MAX_FILES);
        return TRUE;
    }

    for (guint i = 0; i < names->len; i++) {
        g_autofree char *file = g_build_filename(path, names->pdata[i], NULL);

        if (!check_file(lint, file, FALSE, error))
            return FALSE;
    }
    return TRUE;
}

/* -- questions --------------------------------------------------------------------------- */

static void lint_clear(Lint *lint) {
    g_clear_pointer(&lint->findings, g_ptr_array_unref);
    g_clear_pointer(&lint->images, g_hash_table_unref);
    g_clear_pointer(&lint->firmware, g_hash_table_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Lint, lint_clear)

static Lint lint_new(const LintFacts *facts) {
    return (Lint){
            .facts = facts,
            .findings = lint_findings_new(),
            .images = catalog_images_new(),
            .firmware = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
    };
}

GPtrArray *lint_paths(
        const char *const *paths, const LintFacts *facts, guint *ret_n_files, GError **error) {
    g_auto(Lint) lint = lint_new(facts);

    for (; *paths; paths++) {
        /* check_file() reports a path that cannot be read */
        gboolean is_checked = g_file_test(*paths, G_FILE_TEST_IS_DIR)
                ? check_directory(&lint, *paths, error)
                : check_file(&lint, *paths, TRUE, error);

        if (!is_checked)
            return NULL;
        g_hash_table_remove_all(lint.firmware);
    }

    *ret_n_files = lint.n_files;
    return g_steal_pointer(&lint.findings);
}

GPtrArray *lint_document(
        GBytes *document, const char *path, const LintFacts *facts, GError **error) {
    g_auto(Lint) lint = lint_new(facts);

    if (!check_document(&lint, path, document, error))
        return NULL;
    return g_steal_pointer(&lint.findings);
}
