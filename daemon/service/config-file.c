/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service/config-file.h"

#include <string.h>

#include "base/conf-files.h"
#include "base/root.h"
#include "base/text.h"

/* Limit of one file; all keys together take less than 1 KiB. */
#define MAX_SIZE (64 * 1024)

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

/* -- finding ------------------------------------------------------------------------------ */

GPtrArray *config_files_find(
        const char *const *directories, const char *name, const FileVisitor *visitor) {
    struct stat st;
    g_autoptr(GStrvBuilder) drop_in_directories = g_strv_builder_new();
    g_autoptr(GPtrArray) drop_ins = NULL;
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) drop_in_strv = NULL;
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);

    for (; *directories; directories++) {
        g_autofree char *path = g_strconcat(*directories, "/", name, NULL);
        g_autofree char *drop_in_directory = g_strconcat(path, ".d", NULL);

        g_strv_builder_add(drop_in_directories, drop_in_directory);
        if (file_visit(visitor, path) && root_stat(root_of(visitor), path, &st) >= 0) {
            g_ptr_array_set_size(paths, 0);
            g_ptr_array_add(paths, g_steal_pointer(&path));
        }
    }

    drop_in_strv = g_strv_builder_end(drop_in_directories);
    drop_ins = conf_files_list((const char *const *)drop_in_strv, visitor, &error);
    if (drop_ins)
        g_ptr_array_extend_and_steal(paths, g_steal_pointer(&drop_ins));
    else
        g_warning("drop-ins are ignored: %s", error->message);
    return paths;
}

/* -- reading ------------------------------------------------------------------------------ */

static const ConfigKey *find_key(const ConfigKey *keys, const char *section, const char *name) {
    for (; keys->name; keys++)
        if (g_str_equal(keys->section, section) && (!name || g_str_equal(keys->name, name)))
            return keys;
    return NULL;
}

/* A position in a file. */
typedef struct Position {
    const char *path;
    guint line;
    const char *section; /* NULL: before the first section, or in an unknown one */
} Position;

static void read_section(Position *position, const char *line, const ConfigKey *keys) {
    gsize length = strlen(line);
    g_autofree char *name = line[length - 1] == ']' ? g_strndup(line + 1, length - 2) : NULL;
    const ConfigKey *key = name ? find_key(keys, name, NULL) : NULL;

    position->section = key ? key->section : NULL;
    if (!name)
        g_warning("%s:%u: no ] ends the section: %s", position->path, position->line, line);
    else if (!key)
        g_warning("%s:%u: unknown section %s", position->path, position->line, line);
}

static void read_key(
        const Position *position, char *name, char *value, const ConfigKey *keys, gpointer data) {
    const ConfigKey *key = position->section ? find_key(keys, position->section, name) : NULL;

    if (!position->section)
        g_warning(
                "%s:%u: key \"%s\" stands in no known section", position->path, position->line,
                name);
    else if (!key)
        g_warning(
                "%s:%u: unknown key \"%s\" in section [%s]", position->path, position->line, name,
                position->section);
    else if (!key->parse(key, value, data))
        g_warning(
                "%s:%u: %s=%s is ignored: %s is expected", position->path, position->line, name,
                value, key->expected);
}

static void read_line(Position *position, char *line, const ConfigKey *keys, gpointer data) {
    char *equals;

    line = g_strstrip(line);
    equals = strchr(line, '=');
    if (line[0] == '\0' || line[0] == '#' || line[0] == ';')
        return;
    if (line[0] == '[') {
        read_section(position, line, keys);
    } else if (equals) {
        *equals = '\0';
        read_key(position, g_strchomp(line), g_strchug(equals + 1), keys, data);
    } else {
        g_warning(
                "%s:%u: neither a section nor a key nor a comment: %s", position->path,
                position->line, line);
    }
}

static void read_no_text(Position *position, char first) {
    /* a comment may have any encoding */
    if (first == '#' || first == ';')
        return;
    /* the next keys do not belong to the previous section */
    if (first == '[')
        position->section = NULL;
    g_warning(
            "%s:%u: the line is ignored: not UTF-8, or a character that no text may hold",
            position->path, position->line);
}

/* GKeyFile reports no line numbers, and rejects a whole file for one invalid line. */
static void read_lines(
        const char *path, const char *text, gsize size, const ConfigKey *keys, gpointer data) {
    Position position = {.path = path};
    const char *end = text + size;

    while (text < end) {
        const char *newline = memchr(text, '\n', (gsize)(end - text));
        gsize length = (gsize)((newline ? newline : end) - text);
        g_autofree char *line = g_strndup(text, length);

        position.line++;
        if (length > 0 && text_find_invalid(text, length))
            read_no_text(&position, line[strspn(line, " \t")]);
        else
            read_line(&position, line, keys, data);
        text += newline ? length + 1 : length;
    }
}

static void read_file(
        const FileRoot *root, const char *path, const ConfigKey *keys, gpointer data) {
    g_autoptr(GBytes) bytes = NULL;
    const char *text;
    gsize size;
    int r;

    if (root_is_null_device(root, path))
        return;
    r = root_read(root, path, MAX_SIZE, &bytes);
    if (r < 0) {
        g_warning("%s is ignored: %s", path, file_describe_error(r));
        return;
    }

    text = g_bytes_get_data(bytes, &size);
    if (size >= strlen(BYTE_ORDER_MARK) &&
        memcmp(text, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0) {
        text += strlen(BYTE_ORDER_MARK);
        size -= strlen(BYTE_ORDER_MARK);
    }
    if (size > 0)
        read_lines(path, text, size, keys, data);
}

void config_files_read(
        const GPtrArray *paths, const FileVisitor *visitor, const ConfigKey *keys, gpointer data) {
    for (guint i = 0; i < paths->len; i++)
        if (file_visit(visitor, paths->pdata[i]))
            read_file(root_of(visitor), paths->pdata[i], keys, data);
}
