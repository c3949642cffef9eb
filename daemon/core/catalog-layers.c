/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/catalog-layers.h"

#include <string.h>

#include "base/error.h"
#include "base/root.h"
#include "base/text.h"

static gboolean check_number(guint n, const char *path, GError **error) {
    if (n <= CATALOG_MAX_FILES)
        return TRUE;
    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_LIMITS_EXCEEDED,
            "more than %d descriptor files, the first too many is %s", CATALOG_MAX_FILES, path);
    return FALSE;
}

/* -- order ------------------------------------------------------------------------------- */

/* By file names, not names: "a-b.json" sorts before "a.json", but "a-b" after "a". */
static int compare_files(gconstpointer a, gconstpointer b) {
    const CatalogFile *file_a = *(const CatalogFile *const *)a;
    const CatalogFile *file_b = *(const CatalogFile *const *)b;
    int order = strcmp(file_a->file_name, file_b->file_name);

    return order != 0 ? order : (int)file_b->depth - (int)file_a->depth;
}

guint catalog_find_place(const GPtrArray *files, const char *file_name) {
    guint low = 0;
    guint high = files->len;

    while (low < high) {
        guint middle = low + (high - low) / 2;

        if (strcmp(((const CatalogFile *)files->pdata[middle])->file_name, file_name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The same file of the same layer in the previous catalog; NULL: there is none. */
static CatalogFile *find_previous(
        const GPtrArray *previous, const char *path, FirmwareLayer layer, guint depth) {
    const char *file_name = strrchr(path, '/') + 1;

    if (!previous)
        return NULL;
    for (guint i = catalog_find_place(previous, file_name); i < previous->len; i++) {
        CatalogFile *file = previous->pdata[i];

        if (!g_str_equal(file->file_name, file_name))
            break;
        if (file->depth == depth && file->layer == layer && g_str_equal(file->path, path))
            return file;
    }
    return NULL;
}

/* -- all of a layer ---------------------------------------------------------------------- */

static gboolean read_entry(
        const CatalogListing *listing, guint depth, const char *file_name, GPtrArray *files,
        GError **error) {
    const CatalogLayer *layer = listing->layers->pdata[depth];
    g_autofree char *path = g_strconcat(layer->directory, "/", file_name, NULL);
    CatalogFile *previous = find_previous(listing->previous, path, layer->kind, depth);
    CatalogFile *file = NULL;
    int r;

    if (!previous && !text_is_valid(path)) {
        g_ptr_array_add(listing->unnamed, g_strdup(path));
    } else {
        r = catalog_file_read(listing->reading, layer->kind, depth, path, previous, &file);
        if (r < 0)
            return firmware_error_set_unreadable(error, path, r);
        if (file)
            g_ptr_array_add(files, file);
    }
    return check_number(files->len + listing->unnamed->len, path, error);
}

static gboolean read_layer(
        const CatalogListing *listing, guint depth, GPtrArray *files, GError **error) {
    const CatalogLayer *layer = listing->layers->pdata[depth];
    g_autoptr(RootDirectory) dir = NULL;
    const char *name;
    int r;

    if (!file_visit_directory(listing->reading->visitor, layer->directory))
        return TRUE;
    if (layer->file_name)
        return read_entry(listing, depth, layer->file_name, files, error);
    r = root_open_directory(root_of(listing->reading->visitor), layer->directory, &dir);
    if (r < 0)
        return file_is_at_fault(r) || firmware_error_set_unreadable(error, layer->directory, r);

    while ((r = root_directory_next(dir, &name)) > 0)
        if (catalog_file_is_name(name) && !read_entry(listing, depth, name, files, error))
            return FALSE;
    return r == 0 || firmware_error_set_unreadable(error, layer->directory, r);
}

GPtrArray *catalog_list_files(const CatalogListing *listing, GError **error) {
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func((GDestroyNotify)catalog_file_unref);

    for (guint i = 0; i < listing->layers->len; i++) {
        guint n_files = files->len;
        guint n_unnamed = listing->unnamed->len;
        g_autoptr(GError) failure = NULL;

        if (read_layer(listing, i, files, &failure))
            continue;
        if (!listing->too_large ||
            !g_error_matches(failure, FIRMWARE_ERROR, FIRMWARE_ERROR_LIMITS_EXCEEDED)) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return NULL;
        }
        g_ptr_array_set_size(files, (gint)n_files);
        g_ptr_array_set_size(listing->unnamed, (gint)n_unnamed);
        g_ptr_array_add(
                listing->too_large,
                g_strdup(((const CatalogLayer *)listing->layers->pdata[i])->directory));
    }

    g_ptr_array_sort(files, compare_files);
    return g_steal_pointer(&files);
}
