/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "uefi/known-certificates.h"

#include <string.h>

#include "base/conf-files.h"
#include "base/error.h"
#include "base/root.h"
#include "uefi/certificate.h"
#include "uefi/digest.h"

/* Files in one directory that are read for certificates; the largest of Debian has 3 KiB. */
#define MAX_FILES 256

struct KnownCertificates {
    GPtrArray *list;      /* of KnownCertificate, in order of precedence */
    GHashTable *files;    /* SHA-256 in digits -> DER (GBytes): the certificates themselves */
    GString *directories; /* for people */
    KnownMemo *memo;
};

static const char *const purposes[] = {
        [CERTIFICATE_PURPOSE_KEK] = "kek",
        [CERTIFICATE_PURPOSE_WINDOWS] = "windows",
        [CERTIFICATE_PURPOSE_THIRD_PARTY] = "third-party",
        [CERTIFICATE_PURPOSE_OPTION_ROM] = "option-rom",
        [CERTIFICATE_PURPOSE_PLATFORM] = "platform",
};
G_STATIC_ASSERT(G_N_ELEMENTS(purposes) == CERTIFICATE_N_PURPOSES);

const char *certificate_purpose_to_string(CertificatePurpose purpose) {
    return purposes[purpose];
}

static void known_certificate_free(KnownCertificate *certificate) {
    if (!certificate)
        return;
    g_free(certificate->name);
    g_free(certificate->sha256);
    g_free(certificate->authority);
    g_free(certificate->generation);
    g_free(certificate);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KnownCertificate, known_certificate_free)

static gboolean is_sha256(const char *text) {
    gsize length = strspn(text, "0123456789abcdef");

    return length == 64 && text[length] == '\0';
}

/* Returns NULL with *RET_FAULT if the key is missing or invalid. */
static char *read_word(GKeyFile *file, const char *section, const char *key, char **ret_fault) {
    g_autofree char *value = g_key_file_get_string(file, section, key, NULL);

    if (value && *value)
        return g_steal_pointer(&value);
    *ret_fault = g_strdup_printf("[%s]: %s is missing", section, key);
    return NULL;
}

static gboolean read_purpose(
        GKeyFile *file, const char *section, CertificatePurpose *ret, char **ret_fault) {
    g_autofree char *word = read_word(file, section, "purpose", ret_fault);

    if (!word)
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(purposes); i++)
        if (g_str_equal(purposes[i], word)) {
            *ret = (CertificatePurpose)i;
            return TRUE;
        }
    *ret_fault = g_strdup_printf("[%s]: purpose=%s is not known", section, word);
    return FALSE;
}

/* An unknown key is an error, because it may be misspelt. */
static gboolean check_keys(
        GKeyFile *file, const char *section, CertificatePurpose purpose, char **ret_fault) {
    const char *const known[] = {
            "sha256", "purpose", "authority",
            purpose == CERTIFICATE_PURPOSE_PLATFORM ? "updates-kek" : "generation", NULL};
    g_auto(GStrv) keys = g_key_file_get_keys(file, section, NULL, NULL);

    for (char **key = keys; *key; key++)
        if (!g_strv_contains(known, *key)) {
            *ret_fault = g_strdup_printf(
                    "[%s]: %s is no key of purpose=%s", section, *key, purposes[purpose]);
            return FALSE;
        }
    return TRUE;
}

/* Reads the keys that depend on whether the certificate is a platform's. */
static gboolean read_rest(
        GKeyFile *file, const char *section, KnownCertificate *certificate, char **ret_fault) {
    g_autoptr(GError) error = NULL;

    if (certificate->purpose != CERTIFICATE_PURPOSE_PLATFORM) {
        certificate->generation = read_word(file, section, "generation", ret_fault);
        return certificate->generation != NULL;
    }
    certificate->updates_kek = g_key_file_get_boolean(file, section, "updates-kek", &error);
    if (!error)
        return TRUE;
    *ret_fault = g_strdup_printf("[%s]: updates-kek is neither true nor false", section);
    return FALSE;
}

static KnownCertificate *read_section(GKeyFile *file, const char *section, char **ret_fault) {
    g_autoptr(KnownCertificate) certificate = g_new0(KnownCertificate, 1);

    certificate->name = g_strdup(section);
    certificate->sha256 = read_word(file, section, "sha256", ret_fault);
    if (!certificate->sha256)
        return NULL;
    if (!is_sha256(certificate->sha256)) {
        *ret_fault = g_strdup_printf("[%s]: sha256 has not 64 lower-case digits", section);
        return NULL;
    }
    if (!read_purpose(file, section, &certificate->purpose, ret_fault) ||
        !check_keys(file, section, certificate->purpose, ret_fault))
        return NULL;
    certificate->authority = read_word(file, section, "authority", ret_fault);
    if (!certificate->authority || !read_rest(file, section, certificate, ret_fault))
        return NULL;
    return g_steal_pointer(&certificate);
}

static char *read_file(GKeyFile *file, gpointer userdata) {
    KnownCertificates *known = userdata;
    g_autoptr(GPtrArray) list =
            g_ptr_array_new_with_free_func((GDestroyNotify)known_certificate_free);
    g_auto(GStrv) sections = g_key_file_get_groups(file, NULL);

    for (char **section = sections; *section; section++) {
        char *fault = NULL;
        KnownCertificate *certificate = read_section(file, *section, &fault);

        if (!certificate)
            return fault;
        g_ptr_array_add(list, certificate);
    }
    g_ptr_array_extend_and_steal(known->list, g_steal_pointer(&list));
    return NULL;
}

KnownCertificates *known_certificates_new(void) {
    KnownCertificates *known = g_atomic_rc_box_new0(KnownCertificates);

    known->list = g_ptr_array_new_with_free_func((GDestroyNotify)known_certificate_free);
    known->files =
            g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref);
    known->directories = g_string_new(NULL);
    known->memo = g_new0(KnownMemo, 1);
    g_mutex_init(&known->memo->mutex);
    return known;
}

/* -- the certificates themselves -------------------------------------------------------------- */

static void add_der(KnownCertificates *known, GBytes *der) {
    gsize size;
    const guint8 *bytes = g_bytes_get_data(der, &size);

    if (certificate_is_whole(bytes, size))
        (void)g_hash_table_replace(known->files, digest_bytes(bytes, size), g_bytes_ref(der));
}

/* Whatever the name of a file is, its content shows whether it is a certificate. */
static gboolean read_certificate(
        KnownCertificates *known, const FileVisitor *visitor, const char *path, GError **error) {
    g_autoptr(GBytes) bytes = NULL;
    g_autoptr(GPtrArray) pem = NULL;
    int r;

    if (!file_visit(visitor, path))
        return TRUE;
    r = root_read(root_of(visitor), path, CERTIFICATE_MAX_SIZE, &bytes);
    if (r < 0)
        return file_is_at_fault(r) || firmware_error_set_unreadable(error, path, r);
    pem = certificate_read_pem(bytes);
    for (guint i = 0; pem && i < pem->len; i++)
        add_der(known, pem->pdata[i]);
    if (pem && pem->len == 0)
        add_der(known, bytes);
    return TRUE;
}

/* The directory has been visited with its tables. */
static gboolean read_certificates(
        KnownCertificates *known, const FileVisitor *visitor, const char *directory,
        GError **error) {
    g_autoptr(RootDirectory) dir = NULL;
    const char *name;
    guint n = 0;
    int r = file_visit_directory(visitor, directory)
            ? root_open_directory(root_of(visitor), directory, &dir)
            : -ENOENT;

    g_string_prepend(known->directories, known->directories->len > 0 ? ", " : "");
    g_string_prepend(known->directories, directory);
    while (r >= 0 && n < MAX_FILES && (r = root_directory_next(dir, &name)) > 0) {
        g_autofree char *path = g_build_filename(directory, name, NULL);

        if (name[0] == '.' || g_str_has_suffix(name, ".conf"))
            continue;
        n++;
        if (!read_certificate(known, visitor, path, error))
            return FALSE;
    }
    return r >= 0 || file_is_at_fault(r) || firmware_error_set_unreadable(error, directory, r);
}

GBytes *known_certificates_get_der(const KnownCertificates *known, const char *sha256) {
    return g_hash_table_lookup(known->files, sha256);
}

const char *known_certificates_get_directories(const KnownCertificates *known) {
    return known->directories->str;
}

/* -- all -------------------------------------------------------------------------------- */

KnownCertificates *known_certificates_load(
        const char *const *directories, const FileVisitor *visitor, GPtrArray *problems,
        GError **error) {
    g_autoptr(KnownCertificates) known = known_certificates_new();

    if (!conf_files_load(directories, visitor, read_file, known, problems, error))
        return NULL;
    for (; *directories; directories++)
        if (!read_certificates(known, visitor, *directories, error))
            return NULL;
    return g_steal_pointer(&known);
}

static void clear_known(gpointer data) {
    KnownCertificates *known = data;

    g_ptr_array_unref(known->list);
    g_hash_table_unref(known->files);
    g_string_free(known->directories, TRUE);
    g_mutex_clear(&known->memo->mutex);
    g_clear_pointer(&known->memo->values, g_hash_table_unref);
    g_free(known->memo);
}

KnownCertificates *known_certificates_ref(KnownCertificates *known) {
    return g_atomic_rc_box_acquire(known);
}

void known_certificates_unref(KnownCertificates *known) {
    if (known)
        g_atomic_rc_box_release_full(known, clear_known);
}

static gboolean is_equal(const KnownCertificate *a, const KnownCertificate *b) {
    return g_str_equal(a->name, b->name) && g_str_equal(a->sha256, b->sha256) &&
            a->purpose == b->purpose && g_str_equal(a->authority, b->authority) &&
            g_strcmp0(a->generation, b->generation) == 0 && a->updates_kek == b->updates_kek;
}

static gboolean has_same_files(const KnownCertificates *a, const KnownCertificates *b) {
    GHashTableIter iter;
    gpointer sha256;

    g_hash_table_iter_init(&iter, a->files);
    while (g_hash_table_iter_next(&iter, &sha256, NULL))
        if (!g_hash_table_contains(b->files, sha256))
            return FALSE;
    return g_hash_table_size(a->files) == g_hash_table_size(b->files) &&
            g_str_equal(a->directories->str, b->directories->str);
}

gboolean known_certificates_equal(const KnownCertificates *a, const KnownCertificates *b) {
    if (a->list->len != b->list->len || !has_same_files(a, b))
        return FALSE;
    for (guint i = 0; i < a->list->len; i++)
        if (!is_equal(a->list->pdata[i], b->list->pdata[i]))
            return FALSE;
    return TRUE;
}

const KnownCertificate *known_certificates_find(
        const KnownCertificates *known, const char *sha256) {
    for (guint i = 0; i < known->list->len; i++) {
        const KnownCertificate *certificate = known->list->pdata[i];

        if (g_str_equal(certificate->sha256, sha256))
            return certificate;
    }
    return NULL;
}

const KnownCertificate *known_certificates_find_name(
        const KnownCertificates *known, const char *name) {
    for (guint i = 0; i < known->list->len; i++) {
        const KnownCertificate *certificate = known->list->pdata[i];

        if (g_str_equal(certificate->name, name))
            return certificate;
    }
    return NULL;
}

KnownMemo *known_certificates_get_memo(const KnownCertificates *known) {
    return known->memo;
}

const KnownCertificate *known_certificates_get(const KnownCertificates *known, guint index) {
    return index < known->list->len ? known->list->pdata[index] : NULL;
}
