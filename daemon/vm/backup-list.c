/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/backup-list.h"

#include <fcntl.h>
#include <json-glib/json-glib.h>
#include <string.h>

#include "base/lexical.h"
#include "core/image.h"
#include "core/store-file.h"
#include "vm/vmfiles.h"

#define LIST_VERSION 1
/* Bytes. An entry has about 120, and 80 for each key, and there are at most 65. */
#define LIST_MAX_SIZE (1024 * 1024)

static const char *const reasons[] = {
        [BACKUP_REASON_RESET] = "reset",     [BACKUP_REASON_IMPORT] = "import",
        [BACKUP_REASON_REBIND] = "rebind",   [BACKUP_REASON_CHANGE] = "change",
        [BACKUP_REASON_RECOVER] = "recover", [BACKUP_REASON_RESTORE] = "restore",
        [BACKUP_REASON_GOOD] = "good",
};

const char *backup_reason_to_string(BackupReason reason) {
    return reasons[reason];
}

static gboolean parse_reason(const char *word, BackupReason *ret) {
    for (guint i = 0; i < G_N_ELEMENTS(reasons); i++)
        if (g_str_equal(reasons[i], word)) {
            *ret = i;
            return TRUE;
        }
    return FALSE;
}

void backup_free(Backup *backup) {
    g_strfreev(backup->enrolled);
    g_free(backup->name);
    g_free(backup);
}

void backup_list_free(BackupList *list) {
    if (!list)
        return;

    g_ptr_array_unref(list->all);
    g_free(list);
}

/* -- the list ------------------------------------------------------------------------------ */

static gboolean read_number(JsonObject *object, const char *name, guint64 max, guint64 *ret) {
    JsonNode *node = json_object_get_member(object, name);
    gint64 value;

    if (!node || !JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_INT64)
        return FALSE;
    value = json_node_get_int(node);
    *ret = (guint64)value;
    return value >= 0 && *ret <= max;
}

static const char *read_string(JsonObject *object, const char *name) {
    JsonNode *node = json_object_get_member(object, name);

    return node && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING
            ? json_node_get_string(node)
            : "";
}

/* The file says the format and the size. */
static void read_entry(JsonArray *array, guint index, JsonNode *node, gpointer userdata) {
    GHashTable *entries = userdata;
    g_autoptr(Backup) entry = g_new0(Backup, 1);
    JsonObject *object;
    guint64 serial;

    if (!JSON_NODE_HOLDS_OBJECT(node))
        return;
    object = json_node_get_object(node);
    if (!read_number(object, "serial", G_MAXUINT32 - 1, &serial) ||
        !read_number(object, "time", G_MAXINT64, &entry->time) ||
        !parse_reason(read_string(object, "reason"), &entry->reason))
        return;
    entry->serial = (guint32)serial;
    entry->enrolled = lexical_get_strings(json_object_get_member(object, "enrolled"));
    (void)g_hash_table_insert(entries, GUINT_TO_POINTER((guint)serial), g_steal_pointer(&entry));
}

/* A list of another version, or with a fault, is as none. */
static void read_json(GBytes *bytes, BackupList *list, GHashTable *entries) {
    gsize size;
    const char *text = g_bytes_get_data(bytes, &size);
    g_autoptr(JsonNode) root = lexical_read_object(text, size, NULL);
    JsonObject *object;
    JsonNode *backups;
    guint64 number;

    if (!root)
        return;
    object = json_node_get_object(root);
    if (!read_number(object, "version", LIST_VERSION, &number))
        return;
    if (read_number(object, "next", G_MAXUINT32, &number))
        list->next = MAX(list->next, (guint32)number);
    backups = json_object_get_member(object, "backups");
    if (backups && JSON_NODE_HOLDS_ARRAY(backups))
        json_array_foreach_element(json_node_get_array(backups), read_entry, entries);
}

static int read_list(int dir_fd, BackupList *list, GHashTable *entries) {
    g_auto(FileFd) fd = FILE_FD_NONE;
    g_autoptr(GBytes) bytes = NULL;
    int r = vmstore_open_owned(dir_fd, VMSTORE_BACKUP_LIST_NAME, O_RDONLY, &fd);

    if (r >= 0)
        r = file_read_all(fd, LIST_MAX_SIZE, &bytes);
    if (r < 0)
        return file_is_missing(r) || r == -EFBIG ? 0 : r;
    read_json(bytes, list, entries);
    return 0;
}

/* -- the files ----------------------------------------------------------------------------- */

typedef struct Reading {
    BackupList *list;
    GHashTable *entries; /* serial -> Backup, of the list */
} Reading;

void backup_set_stat(Backup *backup, const struct stat *st, ImageFormat format) {
    backup->format = format;
    backup->size = (guint64)st->st_size;
    backup->allocated = vmfiles_get_allocated(st);
}

int backup_measure(Backup *backup, int fd, ImageFormat format) {
    ImageInfo info;
    struct stat st;
    int r = image_probe_fd(fd, format, &info);

    if (r >= 0 && fstat(fd, &st) < 0)
        r = -errno;
    if (r < 0)
        return r;
    backup_set_stat(backup, &st, format);
    if (format != IMAGE_FORMAT_JSON && info.status == IMAGE_STATUS_OK)
        backup->size = info.size;
    return 0;
}

static int add_file(int dir_fd, const VMFile *file, gpointer userdata) {
    const Reading *reading = userdata;
    g_auto(FileFd) fd = FILE_FD_NONE;
    g_autoptr(Backup) backup = NULL;
    const Backup *entry;
    ImageFormat format;
    guint32 serial;
    int r;

    if (!file->is_own || !vmfiles_parse_backup(file->name, &serial, &format) ||
        serial == G_MAXUINT32)
        return 0;
    backup = g_new0(Backup, 1);
    backup->serial = serial;
    entry = g_hash_table_lookup(reading->entries, GUINT_TO_POINTER(serial));
    backup->reason = entry ? entry->reason : BACKUP_REASON_RESET;
    backup->enrolled = entry ? g_strdupv(entry->enrolled) : NULL;
    backup->time = entry ? entry->time : (guint64)MAX(file->st.st_mtim.tv_sec, 0) * G_USEC_PER_SEC;

    r = vmstore_open_owned(dir_fd, file->name, O_RDONLY, &fd);
    if (r >= 0 && g_str_equal(file->name, VMSTORE_OLD_BACKUP_NAME))
        format = store_file_guess_format(fd);
    if (r >= 0)
        r = backup_measure(backup, fd, format);
    if (r < 0 && !file_is_at_fault(r))
        return r;
    if (r < 0)
        backup_set_stat(backup, &file->st, format);
    backup->name = g_strdup(file->name);
    g_ptr_array_add(reading->list->all, g_steal_pointer(&backup));
    return 0;
}

static int compare(gconstpointer a, gconstpointer b) {
    const Backup *one = *(const Backup *const *)a;
    const Backup *other = *(const Backup *const *)b;

    return one->serial < other->serial ? -1 : one->serial > other->serial;
}

int backup_list_read(int dir_fd, BackupList **ret) {
    g_autoptr(GHashTable) entries =
            g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)backup_free);
    g_autoptr(BackupList) list = g_new0(BackupList, 1);
    Reading reading = {.list = list, .entries = entries};
    int r;

    list->all = g_ptr_array_new_with_free_func((GDestroyNotify)backup_free);
    list->next = 1; /* 0 is that of version 0.1 */
    r = read_list(dir_fd, list, entries);
    if (r >= 0)
        r = vmfiles_visit(dir_fd, NULL, add_file, &reading);
    if (r < 0)
        return r;
    g_ptr_array_sort(list->all, compare);
    /* two files of one serial: somebody has put one there */
    for (guint i = list->all->len; i-- > 1;)
        if (compare(&list->all->pdata[i - 1], &list->all->pdata[i]) == 0)
            g_ptr_array_remove_index(list->all, i);
    if (list->all->len > 0) {
        const Backup *last = list->all->pdata[list->all->len - 1];

        list->next = MAX(list->next, last->serial + 1);
    }
    *ret = g_steal_pointer(&list);
    return 0;
}

/* -- writing ------------------------------------------------------------------------------- */

static void add_number(JsonBuilder *builder, const char *name, guint64 value) {
    json_builder_set_member_name(builder, name);
    json_builder_add_int_value(builder, (gint64)value);
}

static void add_string(JsonBuilder *builder, const char *name, const char *value) {
    json_builder_set_member_name(builder, name);
    json_builder_add_string_value(builder, value);
}

static void add_strings(JsonBuilder *builder, const char *name, GStrv values) {
    json_builder_set_member_name(builder, name);
    json_builder_begin_array(builder);
    for (char **value = values; *value; value++)
        json_builder_add_string_value(builder, *value);
    json_builder_end_array(builder);
}

static char *write_json(const BackupList *list, gboolean with_keys) {
    g_autoptr(JsonBuilder) builder = json_builder_new();
    g_autoptr(JsonGenerator) generator = json_generator_new();
    g_autoptr(JsonNode) root = NULL;

    json_builder_begin_object(builder);
    add_number(builder, "version", LIST_VERSION);
    add_number(builder, "next", list->next);
    json_builder_set_member_name(builder, "backups");
    json_builder_begin_array(builder);
    for (guint i = 0; i < list->all->len; i++) {
        const Backup *backup = list->all->pdata[i];

        json_builder_begin_object(builder);
        add_number(builder, "serial", backup->serial);
        add_number(builder, "time", backup->time);
        add_string(builder, "reason", backup_reason_to_string(backup->reason));
        add_string(builder, "format", image_format_to_string(backup->format));
        add_number(builder, "size", backup->size);
        if (backup->enrolled && with_keys)
            add_strings(builder, "enrolled", backup->enrolled);
        json_builder_end_object(builder);
    }
    json_builder_end_array(builder);
    json_builder_end_object(builder);
    root = json_builder_get_root(builder);
    json_generator_set_root(generator, root);
    json_generator_set_pretty(generator, TRUE);
    return json_generator_to_data(generator, NULL);
}

char *backup_list_to_json(const BackupList *list) {
    g_autofree char *json = write_json(list, TRUE);

    return strlen(json) <= LIST_MAX_SIZE ? g_steal_pointer(&json) : write_json(list, FALSE);
}

/* -- looking up ---------------------------------------------------------------------------- */

const Backup *backup_list_find(const BackupList *list, guint32 serial) {
    for (guint i = 0; i < list->all->len; i++) {
        const Backup *backup = list->all->pdata[i];

        if (backup->serial == serial)
            return backup;
    }
    return NULL;
}

static const Backup *find_last(const BackupList *list, gboolean is_good) {
    for (guint i = list->all->len; i-- > 0;) {
        const Backup *backup = list->all->pdata[i];

        if ((backup->reason == BACKUP_REASON_GOOD) == is_good)
            return backup;
    }
    return NULL;
}

const Backup *backup_list_get_newest(const BackupList *list) {
    return find_last(list, FALSE);
}

const Backup *backup_list_get_good(const BackupList *list) {
    return find_last(list, TRUE);
}
