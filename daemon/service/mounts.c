/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service/mounts.h"

#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"

/* One line takes some 100 bytes. */
#define CHUNK_SIZE 65536

struct Mounts {
    FileFd file;
    GHashTable *known;
};

/* proc(5): mount ID, parent ID, device, root, mount point, options. IDs are used again, so a mount
 * is identified by its device and root as well. If a whole file system is unmounted and mounted
 * again between two reads, inotify reports the end of its watches. */
static void parse_line(const char *line, GHashTable *mounts) {
    g_auto(GStrv) fields = g_strsplit(line, " ", 6);

    if (g_strv_length(fields) == 6)
        g_hash_table_insert(
                mounts, g_strjoin(" ", fields[0], fields[2], fields[3], fields[4], NULL),
                /* blanks in it are written as \040 */
                g_strcompress(fields[4]));
}

GHashTable *mounts_parse(char *mountinfo) {
    GHashTable *mounts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    char *rest = mountinfo;
    char *line;

    while ((line = strsep(&rest, "\n")))
        parse_line(line, mounts);
    return mounts;
}

/* The kernel makes the text when it is read. If mounts change between two chunks, the descriptor
 * signals again. */
static int read_mounts(int file, GHashTable **ret) {
    g_autoptr(GByteArray) text = g_byte_array_new();
    gsize size;

    do {
        guint offset = text->len;
        int r;

        g_byte_array_set_size(text, offset + CHUNK_SIZE);
        r = file_read_at(file, offset, text->data + offset, CHUNK_SIZE, &size);
        if (r < 0)
            return r;
        g_byte_array_set_size(text, offset + (guint)size);
    } while (size == CHUNK_SIZE);

    g_byte_array_append(text, (const guint8 *)"", 1);
    *ret = mounts_parse((char *)text->data);
    return 0;
}

int mounts_new(Mounts **ret) {
    g_autoptr(Mounts) mounts = g_new0(Mounts, 1);
    int r;

    mounts->file = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (mounts->file < 0)
        return -errno;
    r = read_mounts(mounts->file, &mounts->known);
    if (r < 0)
        return r;

    *ret = g_steal_pointer(&mounts);
    return 0;
}

void mounts_free(Mounts *mounts) {
    if (!mounts)
        return;

    file_fd_close(mounts->file);
    g_clear_pointer(&mounts->known, g_hash_table_unref);
    g_free(mounts);
}

int mounts_get_fd(const Mounts *mounts) {
    return mounts->file;
}

/* Calls CHANGED for each mount that is in MOUNTS and not in OTHERS. */
static void visit_missing(
        GHashTable *mounts, GHashTable *others,
        void (*changed)(const char *mount_point, gpointer userdata), gpointer userdata) {
    GHashTableIter iter;
    gpointer key;
    gpointer mount_point;

    g_hash_table_iter_init(&iter, mounts);
    while (g_hash_table_iter_next(&iter, &key, &mount_point))
        if (!g_hash_table_contains(others, key))
            changed(mount_point, userdata);
}

int mounts_update(
        Mounts *mounts, void (*changed)(const char *mount_point, gpointer userdata),
        gpointer userdata) {
    g_autoptr(GHashTable) before = NULL;
    GHashTable *now;
    int r;

    r = read_mounts(mounts->file, &now);
    if (r < 0)
        return r;
    before = mounts->known;
    mounts->known = now;
    visit_missing(before, now, changed, userdata);
    visit_missing(now, before, changed, userdata);
    return 0;
}

static gboolean is_at_or_above(const char *mount_point, const char *path) {
    gsize length = strlen(mount_point);

    if (length == 1) /* "/" */
        return TRUE;
    return strncmp(path, mount_point, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

char *mounts_find_above(GHashTable *mounts, const char *path, char **ret_point) {
    g_autoptr(GPtrArray) above = g_ptr_array_new();
    const char *lowest = "/";
    GHashTableIter iter;
    gpointer key;
    gpointer mount_point;

    g_hash_table_iter_init(&iter, mounts);
    while (g_hash_table_iter_next(&iter, &key, &mount_point)) {
        if (!is_at_or_above(mount_point, path))
            continue;
        g_ptr_array_add(above, key);
        if (strlen(mount_point) > strlen(lowest))
            lowest = mount_point;
    }
    g_ptr_array_sort(above, text_compare);
    g_ptr_array_add(above, NULL);
    *ret_point = g_strdup(lowest);
    return g_strjoinv("\n", (char **)above->pdata);
}

char *mounts_get_above(const Mounts *mounts, const char *path, char **ret_point) {
    return mounts_find_above(mounts->known, path, ret_point);
}
