/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "util-change.h"

#include <string.h>

#include "base/conf-files.h"
#include "uefi/key-data.h"
#include "uefi/store-write.h"
#include "util-certificate.h"
#include "util-uefi.h"
#include "util.h"

/* Certificates, made once: a, b, c; the known ones are k (KEK), w (Windows), u (third parties), o
 * (option ROMs). */
GBytes *test_change_certificate(char name) {
    static GBytes *all[128];
    const char text[] = {name, '\0'};

    if (!all[(guint8)name])
        all[(guint8)name] = test_certificate(text, 1000, 2000);
    return all[(guint8)name];
}

char *test_change_digest(char name) {
    return g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, test_change_certificate(name));
}

/* The first file has DER, the second PEM; a third is no certificate. */
static void write_certificate(const char *dir, char name, gboolean is_pem) {
    gsize size;
    const guchar *der = g_bytes_get_data(test_change_certificate(name), &size);
    const char file[] = {name, '\0'};
    g_autofree char *base64 = g_base64_encode(der, size);
    g_autofree char *pem =
            g_strdup_printf("-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n", base64);

    if (is_pem)
        test_write_text(dir, file, pem);
    else
        test_write(dir, file, der, size);
}

static KnownCertificates *load_known(const char *present) {
    static const struct {
        char name;
        const char *section, *purpose;
    } all[] = {
            {'k', "x-kek", "kek"},
            {'w', "x-windows", "windows"},
            {'u', "x-uefi", "third-party"},
            {'o', "x-rom", "option-rom"}};
    g_autoptr(TestDir) dir = test_dir_new();
    const char *const directories[] = {dir, NULL};
    g_autoptr(GPtrArray) problems =
            g_ptr_array_new_with_free_func((GDestroyNotify)conf_problem_free);
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *platform = test_change_digest('p');
    KnownCertificates *known;

    for (gsize i = 0; i < G_N_ELEMENTS(all); i++) {
        g_autofree char *digest = test_change_digest(all[i].name);

        g_string_append_printf(
                text, "[%s]\nsha256=%s\npurpose=%s\ngeneration=2030\nauthority=microsoft\n",
                all[i].section, digest, all[i].purpose);
    }
    g_string_append_printf(
            text, "[x-platform]\nsha256=%s\npurpose=platform\nauthority=x\nupdates-kek=false\n",
            platform);
    test_write_text(dir, "x.conf", text->str);
    test_write_text(dir, "README", "no certificate");
    for (guint i = 0; present[i]; i++)
        write_certificate(dir, present[i], i % 2 == 1);
    known = known_certificates_load(directories, NULL, problems, NULL);
    g_assert_nonnull(known);
    g_assert_cmpuint(problems->len, ==, 0);
    return known;
}

void test_change_begin(TestChange *f, Store *store, const char *present) {
    f->store = store;
    f->known = load_known(present);
    f->templates = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)store_free);
    g_variant_builder_init(&f->changes, G_VARIANT_TYPE("aa{sv}"));
}

void test_change_clear(TestChange *f) {
    store_free(f->store);
    known_certificates_unref(f->known);
    g_clear_pointer(&f->templates, g_hash_table_unref);
    g_variant_builder_clear(&f->changes);
}

/* TEXT: the dictionary in GVariant's notation. */
void test_change_add(TestChange *f, const char *text, GBytes *data) {
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) parsed = g_variant_parse(G_VARIANT_TYPE_VARDICT, text, NULL, NULL, &error);
    GVariantDict dict;

    g_assert_no_error(error);
    g_variant_dict_init(&dict, parsed);
    if (data)
        g_variant_dict_insert_value(
                &dict, "data", g_variant_new_from_bytes(G_VARIANT_TYPE("ay"), data, TRUE));
    g_variant_builder_add_value(&f->changes, g_variant_dict_end(&dict));
}

static ChangeResult *apply(TestChange *f, GError **error) {
    g_autoptr(GVariant) variant = g_variant_ref_sink(g_variant_builder_end(&f->changes));
    g_autoptr(GPtrArray) changes = changes_read(variant, error);
    const ChangeSources sources = {
            .known = f->known,
            .templates = f->templates,
    };

    g_variant_builder_init(&f->changes, G_VARIANT_TYPE("aa{sv}"));
    return changes ? changes_apply(f->store, changes, &sources, error) : NULL;
}

ChangeResult *test_change_apply(TestChange *f) {
    g_autoptr(GError) error = NULL;
    ChangeResult *result = apply(f, &error);

    g_assert_no_error(error);
    return result;
}

void test_change_fail(TestChange *f, FirmwareError code, const char *text) {
    g_autoptr(GError) error = NULL;
    g_autoptr(ChangeResult) result = apply(f, &error);

    g_assert_error(error, FIRMWARE_ERROR, (int)code);
    g_assert_null(result);
    if (!strstr(error->message, text))
        g_error("\"%s\" is not in \"%s\"", text, error->message);
}

const StoreVariable *test_change_find(const TestChange *f, const char *guid, const char *name) {
    EfiGuid parsed;

    g_assert_true(efi_guid_parse(guid, &parsed));
    return store_find(f->store, &parsed, name);
}

/* The certificates of a variable by their letters, and hashes as #; NULL: there is no variable. */
void test_change_assert_keys(const TestChange *f, const char *name, const char *expected) {
    const StoreVariable *variable = store_find(f->store, change_find_key_variable(name), name);
    g_autoptr(GPtrArray) entries = NULL;
    g_autoptr(GString) actual = g_string_new(NULL);
    gsize offset;

    if (!variable) {
        g_assert_null(expected);
        return;
    }
    entries = siglist_read(variable->data, &offset);
    g_assert_nonnull(entries);
    for (guint i = 0; i < entries->len; i++) {
        const SiglistEntry *entry = entries->pdata[i];
        char letter = '#';

        for (char c = 'a'; c <= 'z'; c++)
            if (siglist_find_type(&entry->type) == SIGLIST_X509 &&
                g_bytes_equal(entry->data, test_change_certificate(c)))
                letter = c;
        g_string_append_c(actual, letter);
    }
    g_assert_cmpstr(actual->str, ==, expected);
}

void test_change_put_key(TestChange *f, const char *into, char name) {
    g_autofree char *text = g_strdup_printf("{'do': <'enroll'>, 'into': <'%s'>}", into);

    test_change_add(f, text, test_change_certificate(name));
}

/* A store with the platform key p, the KEK a and a in db, and Secure Boot on. */
void test_change_begin_enrolled(TestChange *f, const char *present) {
    g_autoptr(ChangeResult) result = NULL;

    test_change_begin(f, store_new_flash(TEST_LENGTH_4M), present);
    test_change_put_key(f, "PK", 'p');
    test_change_put_key(f, "KEK", 'a');
    test_change_put_key(f, "db", 'a');
    test_change_add(f, "{'do': <'secure-boot'>, 'on': <true>}", NULL);
    result = test_change_apply(f);
}

/* A list with b, and two hashes. */
GByteArray *test_change_lists(void) {
    GByteArray *lists = g_byte_array_new();
    gsize size;
    gconstpointer der = g_bytes_get_data(test_change_certificate('b'), &size);
    guint8 hash[32] = {1};

    test_add_siglist(lists, TEST_X509, TEST_OTHER, der, size);
    test_add_siglist(lists, TEST_SHA256, TEST_OTHER, hash, sizeof hash);
    hash[0] = 2;
    test_add_siglist(lists, TEST_SHA256, TEST_OTHER, hash, sizeof hash);
    return lists;
}
