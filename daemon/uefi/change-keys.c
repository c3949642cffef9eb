/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include "base/error.h"
#include "uefi/certificate.h"
#include "uefi/change-edit.h"
#include "uefi/key-data.h"
#include "uefi/store-write.h"

/* PK, KEK, db and dbx, and SecureBootEnable. */

/* non-volatile, boot services, runtime, time-based authentication */
#define KEY_ATTRIBUTES 0x27
/* non-volatile, boot services */
#define ENABLE_ATTRIBUTES 3
#define ENABLE "SecureBootEnable"
#define AUTHORITY_MICROSOFT "microsoft"

/* -- the entries of one variable -------------------------------------------------------- */

/* Returns no entries if there is no such variable, and NULL if it is malformed. */
static GPtrArray *read_entries(const Store *store, const char *name, GError **error) {
    const StoreVariable *variable = store_find(store, change_find_key_variable(name), name);
    GPtrArray *entries;
    gsize offset;

    if (!variable)
        return g_ptr_array_new_with_free_func((GDestroyNotify)siglist_entry_free);
    entries = siglist_read(variable->data, &offset);
    if (!entries)
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_IMAGE_UNUSABLE,
                "byte %" G_GSIZE_FORMAT " of %s: a signature list is malformed", offset, name);
    return entries;
}

static void write_entries(ChangeEdit *edit, const char *name, const GPtrArray *entries) {
    const EfiGuid *guid = change_find_key_variable(name);
    const StoreVariable *variable = store_find(edit->store, guid, name);
    g_autoptr(GBytes) data = siglist_write(entries);

    if (data)
        store_set(edit->store, guid, name, variable ? variable->attributes : KEY_ATTRIBUTES, data);
    else
        (void)store_remove(edit->store, guid, name);
}

/* The name of a known certificate, or the subject, or the digest of one that has none. */
static char *describe(const ChangeEdit *edit, const SiglistEntry *entry) {
    gsize size;
    const guint8 *data = g_bytes_get_data(entry->data, &size);
    g_autoptr(Certificate) certificate = certificate_new(data, size);
    const KnownCertificate *known =
            known_certificates_find(edit->sources->known, certificate->sha256);

    return g_strdup(
            known                           ? known->name
                    : *certificate->subject ? certificate->subject
                                            : certificate->sha256);
}

/* Notes what is done to ENTRIES: certificates by name, hashes by number. */
static void note_entries(
        ChangeEdit *edit, const char *name, const char *verb, const GPtrArray *entries) {
    const EfiGuid *guid = change_find_key_variable(name);
    guint n_hashes = 0;

    for (guint i = 0; i < entries->len; i++) {
        const SiglistEntry *entry = entries->pdata[i];
        g_autofree char *text = NULL;

        if (siglist_find_type(&entry->type) != SIGLIST_X509) {
            n_hashes++;
            continue;
        }
        text = describe(edit, entry);
        change_edit_note(edit, guid, name, "%s %s", verb, text);
    }
    if (n_hashes > 0)
        change_edit_note(
                edit, guid, name, "%s %u hash%s", verb, n_hashes, n_hashes == 1 ? "" : "es");
}

static SiglistEntry *copy_entry(const SiglistEntry *entry) {
    return siglist_entry_new(&entry->type, &entry->owner, entry->data);
}

/* -- adding ----------------------------------------------------------------------------- */

/* Types and entries are ordered, not hashed: a caller can choose many that have one hash. */
static int compare_types(gconstpointer a, gconstpointer b, gpointer unused) {
    return memcmp(a, b, sizeof(EfiGuid));
}

static int compare_entries(gconstpointer a, gconstpointer b) {
    const SiglistEntry *one = a;
    const SiglistEntry *other = b;
    const int r = compare_types(&one->type, &other->type, NULL);

    return r != 0 ? r : g_bytes_compare(one->data, other->data);
}

static gboolean add_new(GTree *seen, SiglistEntry *entry) {
    if (g_tree_lookup(seen, entry))
        return FALSE;
    g_tree_insert(seen, entry, entry);
    return TRUE;
}

/* The entries of one type that are added. */
typedef struct Group {
    GPtrArray *entries;
    guint place; /* behind that many of the present ones; 0: none has this type */
} Group;

static void group_free(gpointer data) {
    Group *group = data;

    g_ptr_array_unref(group->entries);
    g_free(group);
}

static GTree *group_by_type(const GPtrArray *entries) {
    GTree *groups = g_tree_new_full(compare_types, NULL, NULL, group_free);

    for (guint i = 0; i < entries->len; i++) {
        SiglistEntry *entry = entries->pdata[i];
        Group *group = g_tree_lookup(groups, &entry->type);

        if (!group) {
            group = g_new0(Group, 1);
            group->entries = g_ptr_array_new();
            g_tree_insert(groups, &entry->type, group);
        }
        g_ptr_array_add(group->entries, entry);
    }
    return groups;
}

/* Moves the entries of GROUP. */
static void append_group(GPtrArray *all, Group *group) {
    for (guint i = 0; i < group->entries->len; i++)
        g_ptr_array_add(all, copy_entry(group->entries->pdata[i]));
    g_ptr_array_set_size(group->entries, 0);
}

/* Returns copies of both: each added entry behind the last present one of its type. */
static GPtrArray *merge(const GPtrArray *present, const GPtrArray *added) {
    g_autoptr(GTree) groups = group_by_type(added);
    GPtrArray *all = g_ptr_array_new_with_free_func((GDestroyNotify)siglist_entry_free);

    for (guint i = 0; i < present->len; i++) {
        Group *group = g_tree_lookup(groups, &((SiglistEntry *)present->pdata[i])->type);

        if (group)
            group->place = i + 1;
    }
    for (guint i = 0; i < present->len; i++) {
        const SiglistEntry *entry = present->pdata[i];
        Group *group = g_tree_lookup(groups, &entry->type);

        g_ptr_array_add(all, copy_entry(entry));
        if (group && group->place == i + 1)
            append_group(all, group);
    }
    for (guint i = 0; i < added->len; i++)
        append_group(all, g_tree_lookup(groups, &((SiglistEntry *)added->pdata[i])->type));
    return all;
}

/* Adds the entries that are not there yet. Hashes go to the list that has some already. */
static gboolean add_entries(
        ChangeEdit *edit, const char *name, const GPtrArray *entries, GError **error) {
    g_autoptr(GPtrArray) present = read_entries(edit->store, name, error);
    g_autoptr(GPtrArray) added = g_ptr_array_new();
    g_autoptr(GTree) seen = g_tree_new(compare_entries);
    g_autoptr(GPtrArray) all = NULL;

    if (!present)
        return FALSE;
    for (guint i = 0; i < present->len; i++)
        (void)add_new(seen, present->pdata[i]);
    for (guint i = 0; i < entries->len; i++)
        if (add_new(seen, entries->pdata[i]))
            g_ptr_array_add(added, entries->pdata[i]);
    if (added->len == 0)
        return TRUE;

    all = merge(present, added);
    note_entries(edit, name, "adds", added);
    write_entries(edit, name, all);
    return TRUE;
}

static void replace_platform_key(ChangeEdit *edit, const GPtrArray *entries) {
    const StoreVariable *variable = store_find(edit->store, &efi_global_guid, "PK");
    g_autoptr(GBytes) data = siglist_write(entries);

    if (variable && g_bytes_equal(variable->data, data))
        return;
    note_entries(edit, "PK", variable ? "replaces the platform key by" : "adds", entries);
    write_entries(edit, "PK", entries);
}

gboolean change_enroll(ChangeEdit *edit, const Change *change, GError **error) {
    g_autoptr(GPtrArray) entries = change_read_entries(change, error);

    if (!entries)
        return FALSE;
    if (!g_str_equal(change->variable, "PK"))
        return add_entries(edit, change->variable, entries, error);
    replace_platform_key(edit, entries);
    return TRUE;
}

/* -- known certificates ----------------------------------------------------------------- */

static gboolean is_required(const KnownCertificate *known) {
    return known->purpose != CERTIFICATE_PURPOSE_OPTION_ROM;
}

static gboolean add_known(ChangeEdit *edit, const KnownCertificate *known, GError **error) {
    GBytes *der = known_certificates_get_der(edit->sources->known, known->sha256);
    const gboolean is_microsoft = g_str_equal(known->authority, AUTHORITY_MICROSOFT);
    g_autoptr(GPtrArray) entries =
            g_ptr_array_new_with_free_func((GDestroyNotify)siglist_entry_free);

    if (!der) {
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_NOT_SUPPORTED,
                "the certificate %s (SHA-256 %s) is not on this host: put it, as DER or PEM, into "
                "one of %s",
                known->name, known->sha256,
                known_certificates_get_directories(edit->sources->known));
        return FALSE;
    }
    g_ptr_array_add(
            entries,
            siglist_entry_new(
                    &siglist_x509_guid,
                    is_microsoft ? &key_data_microsoft_guid : &key_data_default_guid, der));
    return add_entries(
            edit, known->purpose == CERTIFICATE_PURPOSE_KEK ? "KEK" : "db", entries, error);
}

static gboolean is_enrolled(const ChangeEdit *edit, const KnownCertificate *known) {
    g_autoptr(GPtrArray) entries = read_entries(
            edit->store, known->purpose == CERTIFICATE_PURPOSE_KEK ? "KEK" : "db", NULL);

    for (guint i = 0; entries && i < entries->len; i++) {
        const SiglistEntry *entry = entries->pdata[i];
        g_autofree char *sha256 = siglist_entry_get_digest(entry);

        if (g_str_equal(sha256, known->sha256))
            return TRUE;
    }
    return FALSE;
}

/* Adds all certificates of a name such as "microsoft-2023": of an authority and a generation. */
static gboolean add_generation(ChangeEdit *edit, const char *name, GError **error) {
    guint n = 0;

    for (guint i = 0;; i++) {
        const KnownCertificate *known = known_certificates_get(edit->sources->known, i);
        g_autoptr(GError) reason = NULL;
        g_autofree char *group = NULL;

        if (!known)
            break;
        if (known->purpose == CERTIFICATE_PURPOSE_PLATFORM)
            continue;
        group = g_strdup_printf("%s-%s", known->authority, known->generation);
        if (!g_str_equal(group, name))
            continue;
        n++;
        if (is_enrolled(edit, known) || add_known(edit, known, &reason))
            continue;
        if (is_required(known) ||
            !g_error_matches(reason, FIRMWARE_ERROR, FIRMWARE_ERROR_NOT_SUPPORTED)) {
            g_propagate_error(error, g_steal_pointer(&reason));
            return FALSE;
        }
        g_ptr_array_add(edit->result->missing, g_strdup(known->name));
    }
    if (n > 0)
        return TRUE;
    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_INVALID_ARGS,
            "names: no known certificate has the name, or the authority and generation, \"%s\"",
            strlen(name) <= 80 ? name : "\xe2\x80\xa6");
    return FALSE;
}

gboolean change_enroll_known(ChangeEdit *edit, const Change *change, GError **error) {
    for (char **name = change->names; *name; name++) {
        const KnownCertificate *known = known_certificates_find_name(edit->sources->known, *name);

        if (known && known->purpose == CERTIFICATE_PURPOSE_PLATFORM) {
            g_set_error(
                    error, FIRMWARE_ERROR, FIRMWARE_ERROR_INVALID_ARGS,
                    "names: %s is a platform key, which enroll replaces", *name);
            return FALSE;
        }
        if (known ? !is_enrolled(edit, known) && !add_known(edit, known, error)
                  : !add_generation(edit, *name, error))
            return FALSE;
    }
    return TRUE;
}

/* -- from a template -------------------------------------------------------------------- */

gboolean change_enroll_from(ChangeEdit *edit, const Change *change, GError **error) {
    static const char *const names[] = {"KEK", "db", "dbx", NULL};
    const Store *source = edit->sources->templates
            ? g_hash_table_lookup(edit->sources->templates, change->firmware)
            : NULL;
    g_autoptr(GPtrArray) platform = NULL;

    g_assert(source);
    for (const char *const *name = names; *name; name++) {
        g_autoptr(GPtrArray) entries = read_entries(source, *name, error);

        if (!entries || !add_entries(edit, *name, entries, error))
            return FALSE;
    }
    if (store_find(edit->store, &efi_global_guid, "PK"))
        return TRUE;
    platform = read_entries(source, "PK", error);
    if (!platform)
        return FALSE;
    if (platform->len > 0)
        replace_platform_key(edit, platform);
    return TRUE;
}

/* -- removing --------------------------------------------------------------------------- */

/* Without a platform key the firmware is in setup mode, where SecureBootEnable does not exist. */
static void leave_secure_boot(ChangeEdit *edit) {
    if (store_find(edit->store, &efi_global_guid, "PK") ||
        !store_remove(edit->store, &efi_secure_boot_enable_guid, ENABLE))
        return;
    change_edit_note(edit, &efi_secure_boot_enable_guid, ENABLE, "deletes it: setup mode");
}

/* Moves the entries of PRESENT with a digest of DIGESTS (NULL: all) to the result. */
static GPtrArray *take_entries(GPtrArray *present, GHashTable *digests) {
    GPtrArray *taken = g_ptr_array_new_with_free_func((GDestroyNotify)siglist_entry_free);

    for (guint i = 0; i < present->len;) {
        g_autofree char *digest = siglist_entry_get_digest(present->pdata[i]);

        if (!digests || g_hash_table_contains(digests, digest)) {
            if (digests)
                (void)g_hash_table_replace(digests, g_strdup(digest), GINT_TO_POINTER(TRUE));
            g_ptr_array_add(taken, g_ptr_array_steal_index(present, i));
        } else
            i++;
    }
    return taken;
}

gboolean change_unenroll(ChangeEdit *edit, const Change *change, GError **error) {
    g_autoptr(GPtrArray) present = read_entries(edit->store, change->variable, error);
    g_autoptr(GHashTable) digests = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GPtrArray) taken = NULL;

    if (!present)
        return FALSE;
    for (char **digest = change->digests; digest && *digest; digest++)
        (void)g_hash_table_insert(digests, g_strdup(*digest), NULL);
    taken = take_entries(present, change->all ? NULL : digests);
    for (char **digest = change->digests; digest && *digest; digest++)
        if (!g_hash_table_lookup(digests, *digest)) {
            g_set_error(
                    error, FIRMWARE_ERROR, FIRMWARE_ERROR_INVALID_ARGS,
                    "sha256: %s has no entry %s", change->variable, *digest);
            return FALSE;
        }
    if (taken->len == 0)
        return TRUE;
    note_entries(edit, change->variable, "removes", taken);
    write_entries(edit, change->variable, present);
    leave_secure_boot(edit);
    return TRUE;
}

/* -- Secure Boot ------------------------------------------------------------------------ */

gboolean change_secure_boot(ChangeEdit *edit, const Change *change, GError **error) {
    const StoreVariable *variable = store_find(edit->store, &efi_secure_boot_enable_guid, ENABLE);
    const guint8 value = change->on ? 1 : 0;
    g_autoptr(GBytes) data = g_bytes_new(&value, sizeof value);

    if (!store_find(edit->store, &efi_global_guid, "PK")) {
        if (!change->on)
            return TRUE;
        g_set_error_literal(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_INVALID_ARGS,
                "on: there is no platform key; enroll one first");
        return FALSE;
    }
    change_edit_note(
            edit, &efi_secure_boot_enable_guid, ENABLE, "turns Secure Boot %s",
            change->on ? "on" : "off");
    store_set(
            edit->store, &efi_secure_boot_enable_guid, ENABLE,
            variable ? variable->attributes : ENABLE_ATTRIBUTES, data);
    return TRUE;
}
