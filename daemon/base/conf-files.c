/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/conf-files.h"

#include <fcntl.h>
#include <string.h>

#include "base/error.h"
#include "base/root.h"
#include "base/text.h"

/* Limit of one table file; the largest that is shipped has 3 KiB. */
#define TABLE_MAX_SIZE (64 * 1024)

/* Adds the files of DIRECTORY to PATHS (file name -> path). */
static gboolean add_files(
        GHashTable *paths, const FileRoot *root, const char *directory, GError **error) {
    g_autoptr(RootDirectory) dir = NULL;
    const char *name;
    int r = root_open_directory(root, directory, &dir);

    while (r >= 0 && (r = root_directory_next(dir, &name)) > 0)
        if (g_str_has_suffix(name, ".conf") && name[0] != '.')
            g_hash_table_replace(paths, g_strdup(name), g_build_filename(directory, name, NULL));
    return r == 0 || file_is_at_fault(r) || firmware_error_set_unreadable(error, directory, r);
}

GPtrArray *conf_files_list(
        const char *const *directories, const FileVisitor *visitor, GError **error) {
    g_autoptr(GHashTable) paths = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr(GList) names = NULL;
    GPtrArray *sorted;

    for (; *directories; directories++)
        if (file_visit_directory(visitor, *directories) &&
            !add_files(paths, root_of(visitor), *directories, error))
            return NULL;

    sorted = g_ptr_array_new_with_free_func(g_free);
    names = g_list_sort(g_hash_table_get_keys(paths), (GCompareFunc)strcmp);
    for (const GList *name = names; name; name = name->next)
        g_ptr_array_add(sorted, g_strdup(g_hash_table_lookup(paths, name->data)));
    return sorted;
}

/* -- tables ------------------------------------------------------------------------------ */

void conf_problem_free(ConfProblem *problem) {
    g_free(problem->path);
    g_free(problem->text);
    g_free(problem);
}

static void add_problem(GPtrArray *problems, const char *path, const char *text) {
    ConfProblem *problem = g_new0(ConfProblem, 1);

    problem->path = text_make_valid(path);
    problem->text = text_make_valid(text);
    g_ptr_array_add(problems, problem);
}

/* Returns NULL, or the fault. */
static char *read_table(const char *text, gsize size, ConfFunc func, gpointer userdata) {
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autoptr(GError) error = NULL;

    if (text_find_invalid(text, size))
        return g_strdup("not UTF-8, or a character that no text may hold");
    if (!g_key_file_load_from_data(file, text, size, G_KEY_FILE_NONE, &error))
        return g_strdup(error->message);
    return func(file, userdata);
}

/* Returns FALSE if the system failed. A fault of the file becomes a problem. */
static gboolean load_table(
        const FileRoot *root, const char *path, ConfFunc func, gpointer userdata,
        GPtrArray *problems, GError **error) {
    g_autoptr(GBytes) bytes = NULL;
    g_autofree char *fault = NULL;
    const char *text;
    gsize size;
    int r;

    r = root_read(root, path, TABLE_MAX_SIZE, &bytes);
    if (r < 0 && !file_is_at_fault(r))
        return firmware_error_set_unreadable(error, path, r);
    if (r < 0) {
        if (!root_is_null_device(root, path))
            add_problem(problems, path, file_describe_error(r));
        return TRUE;
    }

    text = g_bytes_get_data(bytes, &size);
    if (size == 0)
        return TRUE;
    fault = read_table(text, size, func, userdata);
    if (fault)
        add_problem(problems, path, fault);
    return TRUE;
}

gboolean conf_files_load(
        const char *const *directories, const FileVisitor *visitor, ConfFunc func,
        gpointer userdata, GPtrArray *problems, GError **error) {
    g_autoptr(GPtrArray) paths = conf_files_list(directories, visitor, error);

    if (!paths)
        return FALSE;
    for (guint i = 0; i < paths->len; i++)
        /* it may be a link */
        if (file_visit(visitor, paths->pdata[i]) &&
            !load_table(root_of(visitor), paths->pdata[i], func, userdata, problems, error))
            return FALSE;
    return TRUE;
}
