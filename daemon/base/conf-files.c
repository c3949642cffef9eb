/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/conf-files.h"

#include <string.h>

#include "base/error.h"

/* Adds the files of DIRECTORY to PATHS (file name -> path). */
static gboolean add_files(GHashTable *paths, const char *directory, GError **error) {
    g_autoptr(GDir) dir = NULL;
    const char *name;

    errno = 0; /* g_dir_open() keeps it */
    dir = g_dir_open(directory, 0, NULL);
    if (!dir)
        return file_is_at_fault(-errno) || firmware_error_set_unreadable(error, directory, -errno);

    while ((name = g_dir_read_name(dir)))
        if (g_str_has_suffix(name, ".conf") && name[0] != '.')
            g_hash_table_replace(paths, g_strdup(name), g_build_filename(directory, name, NULL));
    return TRUE;
}

GPtrArray *conf_files_list(
        const char *const *directories, const FileVisitor *visitor, GError **error) {
    g_autoptr(GHashTable) paths = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr(GList) names = NULL;
    GPtrArray *sorted;

    for (; *directories; directories++) {
        file_visit_directory(visitor, *directories);
        if (!add_files(paths, *directories, error))
            return NULL;
    }

    sorted = g_ptr_array_new_with_free_func(g_free);
    names = g_list_sort(g_hash_table_get_keys(paths), (GCompareFunc)strcmp);
    for (const GList *name = names; name; name = name->next)
        g_ptr_array_add(sorted, g_strdup(g_hash_table_lookup(paths, name->data)));
    return sorted;
}
