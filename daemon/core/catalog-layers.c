/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "catalog-layers.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "error.h"
#include "file.h"
#include "text.h"

typedef struct Reader {
    const CatalogSources *sources;
    const CatalogReading *reading;
    Catalog *catalog;
    GPtrArray *files;
} Reader;

static gboolean system_failed(int r, const char *path, GError **error) {
    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_IO, "cannot read %s: %s", path, g_strerror(-r));
    return FALSE;
}

static gboolean check_number(guint n, const char *path, GError **error) {
    if (n <= CATALOG_MAX_FILES)
        return TRUE;
    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_LIMITS_EXCEEDED,
            "more than %d descriptor files, the first too many is %s", CATALOG_MAX_FILES, path);
    return FALSE;
}

/* -- order ------------------------------------------------------------------------------- */

/* By whole file names: "a-b.json" comes before "a.json", the names "a-b" and "a" the other way. */
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

/* The file as the previous catalog has it, in the same layer; NULL: it has none. */
static CatalogFile *find_previous(
        const Catalog *previous, const char *path, FirmwareLayer layer, guint depth) {
    const char *file_name = strrchr(path, '/') + 1;

    if (!previous)
        return NULL;
    for (guint i = catalog_find_place(previous->files, file_name); i < previous->files->len; i++) {
        CatalogFile *file = previous->files->pdata[i];

        if (!g_str_equal(file->file_name, file_name))
            break;
        if (file->depth == depth && file->layer == layer && g_str_equal(file->path, path))
            return file;
    }
    return NULL;
}

/* -- all of a layer ---------------------------------------------------------------------- */

static void close_dir(DIR *dir) {
    (void)closedir(dir);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DIR, close_dir)

static gboolean read_entry(
        Reader *reader, guint depth, int dir_fd, const char *file_name, GError **error) {
    const CatalogLayer *layer = reader->sources->layers->pdata[depth];
    g_autofree char *path = g_strconcat(layer->directory, "/", file_name, NULL);
    CatalogFile *previous = find_previous(reader->sources->previous, path, layer->kind, depth);
    CatalogFile *file = NULL;
    int r;

    if (!previous && !text_is_valid(path)) {
        catalog_add_problem(reader->catalog, path, "the file name is not UTF-8");
        reader->catalog->has_unnamed = TRUE;
        return TRUE;
    }

    r = catalog_file_read(reader->reading, layer->kind, depth, dir_fd, path, previous, &file);
    if (r < 0)
        return system_failed(r, path, error);
    if (file)
        g_ptr_array_add(reader->files, file);
    return check_number(reader->files->len, path, error);
}

static gboolean read_layer(Reader *reader, guint depth, GError **error) {
    const CatalogLayer *layer = reader->sources->layers->pdata[depth];
    g_autoptr(DIR) dir = NULL;
    const struct dirent *entry;

    file_visit_directory(reader->sources->visitor, layer->directory);
    dir = opendir(layer->directory);
    if (!dir)
        return file_is_at_fault(-errno) || system_failed(-errno, layer->directory, error);

    while (errno = 0, (entry = readdir(dir))) {
        if (!catalog_file_is_name(entry->d_name))
            continue;
        /* what a link leads to can change without the directory */
        if (entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN) {
            g_autofree char *path = g_strconcat(layer->directory, "/", entry->d_name, NULL);
            file_visit(reader->sources->visitor, path);
        }
        if (!read_entry(reader, depth, dirfd(dir), entry->d_name, error))
            return FALSE;
    }
    return errno == 0 || system_failed(-errno, layer->directory, error);
}

static gboolean read_all(Reader *reader, GError **error) {
    for (guint i = 0; i < reader->sources->layers->len; i++)
        if (!read_layer(reader, i, error))
            return FALSE;

    g_ptr_array_sort(reader->files, compare_files);
    return TRUE;
}

/* -- what has changed alone -------------------------------------------------------------- */

/* Is PATH what reading its whole layer would find? Not where the layer cannot be listed, or nothing in
 * it be looked at. */
static gboolean can_be_told(const char *path) {
    g_autofree char *directory = g_path_get_dirname(path);
    g_auto(FileFd) dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat st;

    return dir_fd >= 0 &&
            (fstatat(dir_fd, strrchr(path, '/') + 1, &st, AT_SYMLINK_NOFOLLOW) >= 0 ||
             errno == ENOENT);
}

static gboolean can_all_be_told(const GPtrArray *paths) {
    for (guint i = 0; i < paths->len; i++)
        if (!can_be_told(paths->pdata[i]))
            return FALSE;
    return TRUE;
}

static gboolean is_link(int dir_fd, const char *file_name) {
    struct stat st;

    return fstatat(dir_fd, file_name, &st, AT_SYMLINK_NOFOLLOW) >= 0 && S_ISLNK(st.st_mode);
}

/* PATH in the layer DEPTH, if it is there. */
static gboolean read_changed(
        Reader *reader, const char *path, guint depth, GHashTable *outdated, GError **error) {
    const CatalogLayer *layer = reader->sources->layers->pdata[depth];
    gsize length = strlen(layer->directory);
    const char *file_name = path + length + 1;
    CatalogFile *previous = find_previous(reader->sources->previous, path, layer->kind, depth);
    g_auto(FileFd) dir_fd = FILE_FD_NONE;

    if (strncmp(path, layer->directory, length) != 0 || path[length] != '/' ||
        strchr(file_name, '/') || !catalog_file_is_name(file_name))
        return TRUE;
    if (previous)
        g_hash_table_add(outdated, previous);

    dir_fd = open(layer->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return file_is_at_fault(-errno) || system_failed(-errno, layer->directory, error);
    if (is_link(dir_fd, file_name))
        file_visit(reader->sources->visitor, path);
    return read_entry(reader, depth, dir_fd, file_name, error);
}

/* Both are in order. */
static GPtrArray *merge(const GPtrArray *kept, GHashTable *outdated, const GPtrArray *read) {
    GPtrArray *files =
            g_ptr_array_new_full(kept->len + read->len, (GDestroyNotify)catalog_file_unref);
    guint n = 0;

    for (guint i = 0; i < kept->len; i++) {
        CatalogFile *file = kept->pdata[i];

        for (; n < read->len && compare_files(&read->pdata[n], &kept->pdata[i]) < 0; n++)
            g_ptr_array_add(files, catalog_file_ref(read->pdata[n]));
        if (!g_hash_table_contains(outdated, file))
            g_ptr_array_add(files, catalog_file_ref(file));
    }
    for (; n < read->len; n++)
        g_ptr_array_add(files, catalog_file_ref(read->pdata[n]));
    return files;
}

static gboolean read_changes(Reader *reader, GError **error) {
    const CatalogSources *sources = reader->sources;
    g_autoptr(GHashTable) outdated = g_hash_table_new(NULL, NULL);
    GPtrArray *files;

    for (guint i = 0; i < sources->changed->len; i++)
        for (guint depth = 0; depth < sources->layers->len; depth++)
            if (!read_changed(reader, sources->changed->pdata[i], depth, outdated, error))
                return FALSE;

    g_ptr_array_sort(reader->files, compare_files);
    files = merge(sources->previous->files, outdated, reader->files);
    g_ptr_array_unref(reader->files);
    reader->files = files;
    return check_number(files->len, sources->changed->pdata[0], error);
}

GPtrArray *catalog_read_layers(
        const CatalogSources *sources, const CatalogReading *reading, Catalog *catalog,
        GError **error) {
    Reader reader = {
            .sources = sources,
            .reading = reading,
            .catalog = catalog,
            .files = g_ptr_array_new_with_free_func((GDestroyNotify)catalog_file_unref),
    };

    if (sources->changed && can_all_be_told(sources->changed) ? read_changes(&reader, error)
                                                              : read_all(&reader, error))
        return reader.files;
    g_ptr_array_unref(reader.files);
    return NULL;
}
