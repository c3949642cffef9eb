/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "uefi/host-keys.h"

#include <string.h>

#include "base/conf-files.h"
#include "base/error.h"
#include "base/root.h"
#include "base/text.h"
#include "uefi/change-apply.h"
#include "uefi/key-data.h"
#include "uefi/store-write.h"

/* Files of one directory. */
#define MAX_FILES 256

static const char *const variables[] = {"PK", "KEK", "db", "dbx"};

/* The content of one file. */
typedef struct HostKey {
    char *path;
    Change *change;     /* enroll */
    GPtrArray *digests; /* of char*: SHA-256 of its entries */
} HostKey;

struct HostKeys {
    GPtrArray *list; /* of HostKey, in the order of VARIABLES */
    gboolean replaces_platform_key;
};

static void host_key_free(gpointer data) {
    HostKey *key = data;

    g_free(key->path);
    change_free(key->change);
    g_ptr_array_unref(key->digests);
    g_free(key);
}

HostKeys *host_keys_new(void) {
    HostKeys *keys = g_atomic_rc_box_new0(HostKeys);

    keys->list = g_ptr_array_new_with_free_func(host_key_free);
    return keys;
}

static void clear_keys(gpointer data) {
    HostKeys *keys = data;

    g_ptr_array_unref(keys->list);
}

HostKeys *host_keys_ref(HostKeys *keys) {
    return g_atomic_rc_box_acquire(keys);
}

void host_keys_unref(HostKeys *keys) {
    if (keys)
        g_atomic_rc_box_release_full(keys, clear_keys);
}

/* -- loading ---------------------------------------------------------------------------- */

static void add_problem(GPtrArray *problems, const char *path, const char *text) {
    ConfProblem *problem = g_new0(ConfProblem, 1);

    problem->path = text_make_valid(path);
    problem->text = text_make_valid(text);
    g_ptr_array_add(problems, problem);
}

static gboolean has_platform_key(const HostKeys *keys) {
    for (guint i = 0; i < keys->list->len; i++)
        if (g_str_equal(((const HostKey *)keys->list->pdata[i])->change->variable, "PK"))
            return TRUE;
    return FALSE;
}

static void add_key(
        HostKeys *keys, const char *variable, const char *path, GBytes *data, GPtrArray *problems) {
    g_autoptr(GError) error = NULL;
    g_autoptr(Change) change = change_new_enroll(variable, data);
    g_autoptr(GPtrArray) entries = change_read_entries(change, &error);
    HostKey *key;

    if (!entries) {
        add_problem(problems, path, error->message);
        return;
    }
    if (g_str_equal(variable, "PK") && has_platform_key(keys)) {
        add_problem(problems, path, "a second platform key, and a store has one");
        return;
    }
    key = g_new0(HostKey, 1);
    key->path = g_strdup(path);
    key->change = g_steal_pointer(&change);
    key->digests = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < entries->len; i++)
        g_ptr_array_add(key->digests, siglist_entry_get_digest(entries->pdata[i]));
    g_ptr_array_add(keys->list, key);
}

static gboolean read_key(
        HostKeys *keys, const char *variable, const char *path, const FileVisitor *visitor,
        GPtrArray *problems, GError **error) {
    g_autoptr(GBytes) bytes = NULL;
    int r;

    if (!file_visit(visitor, path))
        return TRUE;
    r = root_read(root_of(visitor), path, KEY_DATA_MAX_SIZE, &bytes);
    if (r < 0 && !file_is_at_fault(r))
        return firmware_error_set_unreadable(error, path, r);
    if (r < 0)
        add_problem(problems, path, file_describe_error(r));
    else
        add_key(keys, variable, path, bytes, problems);
    return TRUE;
}

/* Returns the names of the directory's files, sorted, or NULL if the system failed. */
static GPtrArray *list_names(
        const char *directory, const FileVisitor *visitor, GPtrArray *problems, GError **error) {
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(RootDirectory) dir = NULL;
    const char *name;
    int r = file_visit_directory(visitor, directory)
            ? root_open_directory(root_of(visitor), directory, &dir)
            : -ENOENT;

    while (r >= 0 && (r = root_directory_next(dir, &name)) > 0)
        if (name[0] != '.')
            g_ptr_array_add(names, g_strdup(name));
    if (r < 0 && !file_is_at_fault(r)) {
        (void)firmware_error_set_unreadable(error, directory, r);
        return NULL;
    }
    if (r < 0 && r != -ENOENT)
        add_problem(problems, directory, g_strerror(-r));
    g_ptr_array_sort(names, text_compare);
    if (names->len > MAX_FILES) {
        add_problem(problems, directory, "more than 256 files: the others are ignored");
        g_ptr_array_set_size(names, MAX_FILES);
    }
    return g_steal_pointer(&names);
}

static gboolean read_keys(
        HostKeys *keys, const char *parent, const char *variable, const FileVisitor *visitor,
        GPtrArray *problems, GError **error) {
    g_autofree char *directory = g_build_filename(parent, variable, NULL);
    g_autoptr(GPtrArray) names = list_names(directory, visitor, problems, error);

    for (guint i = 0; names && i < names->len; i++) {
        g_autofree char *path = g_build_filename(directory, names->pdata[i], NULL);

        if (!read_key(keys, variable, path, visitor, problems, error))
            return FALSE;
    }
    return names != NULL;
}

HostKeys *host_keys_load(
        const char *directory, gboolean replaces_platform_key, const FileVisitor *visitor,
        GPtrArray *problems, GError **error) {
    g_autoptr(HostKeys) keys = host_keys_new();

    keys->replaces_platform_key = replaces_platform_key;
    for (gsize i = 0; i < G_N_ELEMENTS(variables); i++)
        if (!read_keys(keys, directory, variables[i], visitor, problems, error))
            return NULL;
    return g_steal_pointer(&keys);
}

/* -- questions -------------------------------------------------------------------------- */

static gboolean is_same_key(const HostKey *a, const HostKey *b) {
    return g_str_equal(a->path, b->path) && g_bytes_equal(a->change->data, b->change->data);
}

gboolean host_keys_equal(const HostKeys *a, const HostKeys *b) {
    if (a->list->len != b->list->len || a->replaces_platform_key != b->replaces_platform_key)
        return FALSE;
    for (guint i = 0; i < a->list->len; i++)
        if (!is_same_key(a->list->pdata[i], b->list->pdata[i]))
            return FALSE;
    return TRUE;
}

gboolean host_keys_are_none(const HostKeys *keys) {
    return keys->list->len == 0;
}

static gboolean has_digest(const HostKey *key, const char *sha256) {
    for (guint i = 0; i < key->digests->len; i++)
        if (g_ascii_strcasecmp(key->digests->pdata[i], sha256) == 0)
            return TRUE;
    return FALSE;
}

gboolean host_keys_have_certificate(
        const HostKeys *keys, const KnownCertificates *known, const char *certificate) {
    const KnownCertificate *named = known_certificates_find_name(known, certificate);

    for (guint i = 0; i < keys->list->len; i++) {
        const HostKey *key = keys->list->pdata[i];
        const char *variable = key->change->variable;

        if ((g_str_equal(variable, "KEK") || g_str_equal(variable, "db")) &&
            has_digest(key, named ? named->sha256 : certificate))
            return TRUE;
    }
    return FALSE;
}

/* -- adding ----------------------------------------------------------------------------- */

/* Adds the digests of the entries of KEY that STORE lacks. */
static void add_digests(const Store *store, const HostKey *key, GPtrArray *digests) {
    const char *name = key->change->variable;
    const StoreVariable *variable = store_find(store, change_find_key_variable(name), name);
    g_autoptr(GHashTable) present = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GPtrArray) entries = NULL;
    gsize offset;

    if (variable)
        entries = siglist_read(variable->data, &offset);
    for (guint i = 0; entries && i < entries->len; i++)
        (void)g_hash_table_add(present, siglist_entry_get_digest(entries->pdata[i]));
    for (guint i = 0; i < key->digests->len; i++) {
        const char *digest = key->digests->pdata[i];

        if (!g_hash_table_contains(present, digest) &&
            !g_ptr_array_find_with_equal_func(digests, digest, g_str_equal, NULL))
            g_ptr_array_add(digests, g_strdup(digest));
    }
}

static gboolean apply_key(
        const HostKey *key, const KnownCertificates *known, Store *store, GError **error) {
    const ChangeSources sources = {.known = known};
    g_autoptr(GPtrArray) changes = g_ptr_array_new();
    g_autoptr(ChangeResult) result = NULL;
    g_autoptr(GBytes) bytes = NULL;

    g_ptr_array_add(changes, key->change);
    result = changes_apply(store, changes, &sources, error);
    /* whether the store still has room: the error is to name this key */
    bytes = result ? store_write(store, error) : NULL;
    if (!bytes)
        g_prefix_error(error, "%s: ", key->path);
    return bytes != NULL;
}

gboolean host_keys_apply(
        const HostKeys *keys, const KnownCertificates *known, Store *store, GPtrArray *digests,
        GError **error) {
    for (guint i = 0; i < keys->list->len; i++) {
        const HostKey *key = keys->list->pdata[i];

        if (g_str_equal(key->change->variable, "PK") && !keys->replaces_platform_key &&
            store_find(store, &efi_global_guid, "PK"))
            continue;
        add_digests(store, key, digests);
        if (!apply_key(key, known, store, error))
            return FALSE;
    }
    return TRUE;
}
