/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Changes of PK, KEK, db and dbx. */

#include <string.h>

#include "base/error.h"
#include "uefi/key-data.h"
#include "uefi/report.h"
#include "uefi/store-write.h"
#include "util-certificate.h"
#include "util-change.h"
#include "util-uefi.h"
#include "util.h"

#define N_MEGABYTES 6 /* of each type */
#define MICROSOFT "77fa9abd-0359-4d32-bd60-28f4e78f784b"
#define DEFAULT "a0baa8a3-041d-48a8-bc87-c36d121b5e3d"

/* -- enroll ----------------------------------------------------------------------------- */

static void enrol_each_variable(void) {
    g_auto(TestChange) f = {};
    g_autoptr(ChangeResult) result = NULL;
    const StoreVariable *variable;

    test_change_begin(&f, store_new_flash(TEST_LENGTH_4M), "");
    test_change_put_key(&f, "PK", 'p');
    test_change_put_key(&f, "KEK", 'a');
    test_change_put_key(&f, "db", 'b');
    test_change_put_key(&f, "db", 'c');
    test_change_put_key(&f, "dbx", 'a');
    result = test_change_apply(&f);
    test_change_assert_keys(&f, "PK", "p");
    test_change_assert_keys(&f, "KEK", "a");
    test_change_assert_keys(&f, "db", "bc");
    test_change_assert_keys(&f, "dbx", "a");
    g_assert_true(result->pcr7);
    g_assert_cmpuint(result->notes->len, ==, 4);
    variable = test_change_find(&f, TEST_IMAGE_SECURITY, "db");
    g_assert_cmpuint(variable->attributes, ==, 0x27);
    g_assert_cmpmem(variable->time, EFI_TIME_SIZE, store_first_time, EFI_TIME_SIZE);
    /* each certificate has its own list, with the owner */
    g_assert_cmpuint(
            g_bytes_get_size(variable->data), ==,
            g_bytes_get_size(test_change_certificate('b')) +
                    g_bytes_get_size(test_change_certificate('c')) + 2 * (28 + 16));
}

static void the_platform_key_is_replaced(void) {
    g_auto(TestChange) f = {};
    g_autoptr(ChangeResult) result = NULL;

    test_change_begin_enrolled(&f, "");
    test_change_put_key(&f, "PK", 'b');
    result = test_change_apply(&f);
    test_change_assert_keys(&f, "PK", "b");
    g_assert_true(result->pcr7);
}

static void what_is_there_is_not_added(void) {
    g_auto(TestChange) f = {};
    g_autoptr(ChangeResult) result = NULL;

    test_change_begin_enrolled(&f, "");
    test_change_put_key(&f, "PK", 'p');
    test_change_put_key(&f, "KEK", 'a');
    test_change_add(
            &f, "{'do': <'enroll'>, 'into': <'db'>, 'owner': <'" TEST_OTHER "'>}",
            test_change_certificate('a'));
    test_change_add(&f, "{'do': <'secure-boot'>, 'on': <true>}", NULL);
    result = test_change_apply(&f);
    g_assert_cmpuint(result->notes->len, ==, 0);
    g_assert_false(result->pcr7);
}

static GBytes *make_pem(const char *names) {
    g_autoptr(GString) text = g_string_new("subject of the first\n");

    for (; *names; names++) {
        gsize size;
        const guchar *der = g_bytes_get_data(test_change_certificate(*names), &size);
        g_autofree char *base64 = g_base64_encode(der, size);

        g_string_append_printf(
                text, "-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n", base64);
    }
    return g_bytes_new(text->str, text->len);
}

static GBytes *make_update(void) {
    g_autoptr(GByteArray) lists = test_change_lists();
    GByteArray *update = g_byte_array_new();
    guint8 header[16 + 24 + 100] = {0xe7, 7, 1, 1};

    efi_put_u32(header + 16, 24 + 100);
    efi_put_u16(header + 20, 0x200);
    efi_put_u16(header + 22, 0xef1);
    g_byte_array_append(update, header, sizeof header);
    g_byte_array_append(update, lists->data, lists->len);
    return g_byte_array_free_to_bytes(update);
}

static void formats_of_data(void) {
    g_autoptr(GBytes) pem = make_pem("bc");
    g_autoptr(GBytes) lists = g_byte_array_free_to_bytes(test_change_lists());
    g_autoptr(GBytes) update = make_update();
    const struct {
        GBytes *data;
        const char *expected;
    } all[] = {{test_change_certificate('b'), "b"}, {pem, "bc"}, {lists, "b##"}, {update, "b##"}};

    for (gsize i = 0; i < G_N_ELEMENTS(all); i++) {
        g_auto(TestChange) f = {};
        g_autoptr(ChangeResult) result = NULL;

        test_change_begin(&f, store_new_json(), "");
        test_change_add(&f, "{'do': <'enroll'>, 'into': <'dbx'>}", all[i].data);
        result = test_change_apply(&f);
        test_change_assert_keys(&f, "dbx", all[i].expected);
    }
}

static void owners(void) {
    g_auto(TestChange) f = {};
    g_autoptr(ChangeResult) result = NULL;
    g_autoptr(GBytes) lists = g_byte_array_free_to_bytes(test_change_lists());
    static const char *const expected[] = {
            DEFAULT, TEST_GLOBAL, TEST_OTHER, TEST_OTHER, TEST_OTHER};
    g_autoptr(GPtrArray) entries = NULL;
    gsize offset;

    test_change_begin(&f, store_new_flash(TEST_LENGTH_4M), "");
    test_change_put_key(&f, "db", 'a');
    test_change_add(
            &f, "{'do': <'enroll'>, 'into': <'db'>, 'owner': <'" TEST_GLOBAL "'>}",
            test_change_certificate('c'));
    test_change_add(&f, "{'do': <'enroll'>, 'into': <'db'>, 'owner': <'" TEST_GLOBAL "'>}", lists);
    result = test_change_apply(&f);
    entries = siglist_read(test_change_find(&f, TEST_IMAGE_SECURITY, "db")->data, &offset);
    g_assert_cmpuint(entries->len, ==, 5);
    for (guint i = 0; i < entries->len; i++) {
        char text[EFI_GUID_TEXT_SIZE];

        efi_guid_to_text(&((SiglistEntry *)entries->pdata[i])->owner, text);
        g_assert_cmpstr(text, ==, expected[i]);
    }
}

/* A hash goes to the list of hashes, wherever that is. */
static void hashes_share_a_list(void) {
    g_auto(TestChange) f = {};
    g_autoptr(ChangeResult) result = NULL;
    g_autoptr(GByteArray) one = g_byte_array_new();
    g_autoptr(GBytes) lists = g_byte_array_free_to_bytes(test_change_lists());
    g_autoptr(GBytes) more = NULL;
    const guint8 hash[32] = {3};

    test_change_begin(&f, store_new_flash(TEST_LENGTH_4M), "");
    test_change_add(&f, "{'do': <'enroll'>, 'into': <'dbx'>}", lists);
    test_change_put_key(&f, "dbx", 'c');
    test_add_siglist(one, TEST_SHA256, TEST_OTHER, hash, sizeof hash);
    more = g_byte_array_free_to_bytes(g_steal_pointer(&one));
    test_change_add(&f, "{'do': <'enroll'>, 'into': <'dbx'>}", more);
    result = test_change_apply(&f);
    test_change_assert_keys(&f, "dbx", "bc###");
    g_assert_cmpuint(
            g_bytes_get_size(test_change_find(&f, TEST_IMAGE_SECURITY, "dbx")->data), ==,
            g_bytes_get_size(test_change_certificate('b')) +
                    g_bytes_get_size(test_change_certificate('c')) + 2 * (28 + 16) + 28 + 3 * 48);
}

#define SHA1 "826ca512-cf10-4ac9-b187-be01496631bd"
#define SHA384 "ff3e5307-9fd0-48c9-85f1-8ad56c701e01"

/* Adds N hashes of SIZE bytes, which end with the numbers from FIRST on. */
static void add_hashes(GByteArray *lists, const char *type, gsize size, guint32 first, guint32 n) {
    guint8 entry[16 + 48] = {};
    EfiGuid guid;
    guint8 header[28] = {};

    g_assert_true(efi_guid_parse(type, &guid));
    memcpy(header, guid.bytes, sizeof guid.bytes);
    efi_put_u32(header + 16, (guint32)(sizeof header + n * (16 + size)));
    efi_put_u32(header + 24, (guint32)(16 + size));
    g_byte_array_append(lists, header, sizeof header);
    for (guint32 i = first; i < first + n; i++) {
        efi_put_u32(entry + 16 + size - 4, i);
        g_byte_array_append(lists, entry, (guint)(16 + size));
    }
}

/* Enrols LISTS into dbx, and empties it. */
static void enrol_lists(TestChange *f, GByteArray **lists) {
    g_autoptr(GBytes) data = g_byte_array_free_to_bytes(*lists);

    test_change_add(f, "{'do': <'enroll'>, 'into': <'dbx'>}", data);
    *lists = g_byte_array_new();
}

/* Each entry goes behind the last of its type, in its order, and a new type behind all. */
static void types_keep_their_places(void) {
    g_auto(TestChange) f = {};
    g_autoptr(ChangeResult) result = NULL;
    g_autoptr(GByteArray) lists = g_byte_array_new();
    g_autoptr(GByteArray) expected = g_byte_array_new();
    g_autoptr(GBytes) bytes = NULL;

    test_change_begin(&f, store_new_flash(TEST_LENGTH_4M), "");
    add_hashes(lists, SHA1, 20, 1, 2);
    add_hashes(lists, TEST_SHA256, 32, 1, 1);
    add_hashes(lists, SHA1, 20, 3, 1);
    enrol_lists(&f, &lists);
    add_hashes(lists, SHA384, 48, 1, 1);
    add_hashes(lists, TEST_SHA256, 32, 2, 1);
    add_hashes(lists, SHA1, 20, 3, 2);
    add_hashes(lists, SHA384, 48, 1, 2);
    add_hashes(lists, TEST_SHA256, 32, 3, 2);
    enrol_lists(&f, &lists);
    result = test_change_apply(&f);

    add_hashes(expected, SHA1, 20, 1, 4);
    add_hashes(expected, TEST_SHA256, 32, 1, 4);
    add_hashes(expected, SHA384, 48, 1, 2);
    bytes = g_byte_array_free_to_bytes(g_steal_pointer(&expected));
    g_assert_true(g_bytes_equal(test_change_find(&f, TEST_IMAGE_SECURITY, "dbx")->data, bytes));
}

/* More than any store has room for, which only the write finds. */
static void many_hashes(void) {
    g_auto(TestChange) f = {};
    g_autoptr(ChangeResult) result = NULL;
    g_autoptr(GByteArray) lists = g_byte_array_new();
    const guint32 n_256 = (KEY_DATA_MAX_SIZE - 28) / (16 + 32);
    const guint32 n_1 = (KEY_DATA_MAX_SIZE - 28) / (16 + 20);

    test_change_begin(&f, store_new_flash(TEST_LENGTH_4M), "");
    add_hashes(lists, SHA1, 20, 0, 1);
    enrol_lists(&f, &lists);
    for (guint32 i = 0; i < N_MEGABYTES; i++) {
        add_hashes(lists, TEST_SHA256, 32, i * n_256, n_256);
        enrol_lists(&f, &lists);
    }
    for (guint32 i = 0; i < N_MEGABYTES; i++) {
        add_hashes(lists, SHA1, 20, 1 + i * n_1, n_1);
        enrol_lists(&f, &lists);
    }
    result = test_change_apply(&f);
    g_assert_cmpuint(
            g_bytes_get_size(test_change_find(&f, TEST_IMAGE_SECURITY, "dbx")->data), ==,
            28 + (1 + N_MEGABYTES * n_1) * (16 + 20) + 28 + N_MEGABYTES * n_256 * (16 + 32));
}

static void data_that_is_refused(void) {
    g_autoptr(GBytes) lists = g_byte_array_free_to_bytes(test_change_lists());
    g_autoptr(GBytes) pem = make_pem("ab");
    g_autoptr(GByteArray) bad = g_byte_array_new();
    g_autoptr(GByteArray) odd = g_byte_array_new();
    g_autoptr(GBytes) text = g_bytes_new_static("hello", 5);
    g_autoptr(GBytes) empty = g_bytes_new_static("", 0);
    g_autoptr(GBytes) torn = g_bytes_new_from_bytes(lists, 0, g_bytes_get_size(lists) - 1);
    g_autoptr(GBytes) half = g_bytes_new_static("-----BEGIN CERTIFICATE-----\nAAA", 31);
    g_autoptr(GBytes) no_certificate = NULL;
    g_autoptr(GBytes) no_type = NULL;
    const struct {
        const char *into;
        GBytes *data;
        const char *text;
    } all[] = {
            {"db", text, "data: neither a certificate"},
            {"db", empty, "data: has no certificate"},
            {"db", torn, "a signature list is malformed"},
            {"db", half, "PEM is malformed"},
            {"PK", pem, "data: 2 entries, and PK takes one certificate"},
            {"KEK", lists, "data: entry 2 is no certificate, and KEK takes nothing else"},
            {"dbt", lists, "into: \"dbt\" is none of PK, KEK, db, dbx"},
            {"db", NULL, "data: missing"},
    };

    test_add_siglist(bad, TEST_X509, TEST_OTHER, "xx", 2);
    no_certificate = g_bytes_new(bad->data, bad->len);
    for (gsize i = 0; i < G_N_ELEMENTS(all); i++) {
        g_auto(TestChange) f = {};
        g_autofree char *change =
                g_strdup_printf("{'do': <'enroll'>, 'into': <'%s'>}", all[i].into);

        test_change_begin(&f, store_new_flash(TEST_LENGTH_4M), "");
        test_change_add(&f, change, all[i].data);
        test_change_fail(&f, FIRMWARE_ERROR_INVALID_ARGS, all[i].text);
    }
    {
        g_auto(TestChange) f = {};

        test_change_begin(&f, store_new_flash(TEST_LENGTH_4M), "");
        test_change_add(&f, "{'do': <'enroll'>, 'into': <'db'>}", no_certificate);
        test_change_fail(
                &f, FIRMWARE_ERROR_INVALID_ARGS,
                "change 1: enroll: data: entry 1 is not a certificate");
        test_add_siglist(odd, TEST_OTHER, TEST_OTHER, "xx", 2);
        no_type = g_bytes_new(odd->data, odd->len);
        test_change_add(&f, "{'do': <'enroll'>, 'into': <'db'>}", no_type);
        test_change_fail(
                &f, FIRMWARE_ERROR_INVALID_ARGS,
                "entry 1 is of a type that the firmware does not know");
    }
}

static void a_malformed_variable_is_not_changed(void) {
    g_auto(TestChange) f = {};
    g_autoptr(GBytes) garbage = g_bytes_new_static("garbage", 7);

    test_change_begin(&f, store_new_flash(TEST_LENGTH_4M), "");
    store_set(f.store, &efi_image_security_guid, "db", 0x27, garbage);
    test_change_put_key(&f, "db", 'a');
    test_change_fail(&f, FIRMWARE_ERROR_IMAGE_UNUSABLE, "byte 0 of db");
    test_change_add(&f, "{'do': <'unenroll'>, 'from': <'db'>, 'all': <true>}", NULL);
    test_change_fail(&f, FIRMWARE_ERROR_IMAGE_UNUSABLE, "byte 0 of db");
}

/* A name is for people: a certificate need not have one. */
static void a_certificate_of_nobody(void) {
    g_auto(TestChange) f = {};
    g_autoptr(GBytes) nobody = test_certificate("", 1000, 2000);
    g_autofree char *digest = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, nobody);
    g_autoptr(ChangeResult) result = NULL;

    test_change_begin(&f, store_new_flash(TEST_LENGTH_4M), "");
    test_change_add(&f, "{'do': <'enroll'>, 'into': <'db'>}", nobody);
    result = test_change_apply(&f);
    g_assert_cmpuint(result->notes->len, ==, 1);
    g_assert_nonnull(strstr(((const ChangeNote *)result->notes->pdata[0])->what->str, digest));
}

/* -- enroll-known, enroll-from ---------------------------------------------------------- */

static void known_certificates(void) {
    g_auto(TestChange) f = {};
    g_autoptr(ChangeResult) result = NULL;
    g_autoptr(GPtrArray) entries = NULL;
    gsize offset;
    char owner[EFI_GUID_TEXT_SIZE];

    test_change_begin_enrolled(&f, "kwuo");
    test_change_add(&f, "{'do': <'enroll-known'>, 'names': <['microsoft-2030']>}", NULL);
    result = test_change_apply(&f);
    test_change_assert_keys(&f, "KEK", "ak");
    test_change_assert_keys(&f, "db", "awuo");
    g_assert_cmpuint(result->missing->len, ==, 0);
    entries = siglist_read(test_change_find(&f, TEST_GLOBAL, "KEK")->data, &offset);
    efi_guid_to_text(&((SiglistEntry *)entries->pdata[1])->owner, owner);
    g_assert_cmpstr(owner, ==, MICROSOFT);
    g_clear_pointer(&result, change_result_free);

    test_change_add(&f, "{'do': <'enroll-known'>, 'names': <['microsoft-2030', 'x-kek']>}", NULL);
    result = test_change_apply(&f);
    g_assert_cmpuint(result->notes->len, ==, 0);
}

static void known_certificates_that_are_missing(void) {
    g_auto(TestChange) f = {};
    g_autoptr(ChangeResult) result = NULL;

    test_change_begin_enrolled(&f, "kwu");
    test_change_add(&f, "{'do': <'enroll-known'>, 'names': <['microsoft-2030']>}", NULL);
    result = test_change_apply(&f);
    g_assert_cmpuint(result->missing->len, ==, 1);
    g_assert_cmpstr(result->missing->pdata[0], ==, "x-rom");
    test_change_assert_keys(&f, "db", "awu");

    test_change_add(&f, "{'do': <'enroll-known'>, 'names': <['x-rom']>}", NULL);
    test_change_fail(&f, FIRMWARE_ERROR_NOT_SUPPORTED, "put it, as DER or PEM, into one of /");
    test_change_clear(&f);
    test_change_begin(&f, store_new_flash(TEST_LENGTH_4M), "wuo");
    test_change_add(&f, "{'do': <'enroll-known'>, 'names': <['microsoft-2030']>}", NULL);
    test_change_fail(
            &f, FIRMWARE_ERROR_NOT_SUPPORTED, "change 1: enroll-known: the certificate x-kek");
    test_change_add(&f, "{'do': <'enroll-known'>, 'names': <['microsoft-1999']>}", NULL);
    test_change_fail(&f, FIRMWARE_ERROR_INVALID_ARGS, "microsoft-1999");
    test_change_add(&f, "{'do': <'enroll-known'>, 'names': <['x-platform']>}", NULL);
    test_change_fail(&f, FIRMWARE_ERROR_INVALID_ARGS, "x-platform is a platform key");
}

static void from_a_template(void) {
    g_auto(TestChange) source = {};
    g_auto(TestChange) f = {};
    g_auto(TestChange) blank = {};
    g_autoptr(ChangeResult) first = NULL;
    g_autoptr(ChangeResult) second = NULL;
    g_autoptr(ChangeResult) third = NULL;

    test_change_begin(&source, store_new_flash(TEST_LENGTH_4M), "");
    test_change_put_key(&source, "PK", 'c');
    test_change_put_key(&source, "KEK", 'k');
    test_change_put_key(&source, "db", 'a');
    test_change_put_key(&source, "db", 'w');
    test_change_put_key(&source, "dbx", 'z');
    first = test_change_apply(&source);

    test_change_begin_enrolled(&f, "");
    (void)g_hash_table_insert(f.templates, (gpointer) "t", g_steal_pointer(&source.store));
    test_change_add(&f, "{'do': <'enroll-from'>, 'firmware': <'t'>}", NULL);
    second = test_change_apply(&f);
    test_change_assert_keys(&f, "PK", "p");
    test_change_assert_keys(&f, "KEK", "ak");
    test_change_assert_keys(&f, "db", "aw");
    test_change_assert_keys(&f, "dbx", "z");

    test_change_begin(&blank, store_new_json(), "");
    (void)g_hash_table_insert(blank.templates, (gpointer) "t", g_steal_pointer(&f.store));
    test_change_add(&blank, "{'do': <'enroll-from'>, 'firmware': <'t'>}", NULL);
    third = test_change_apply(&blank);
    test_change_assert_keys(&blank, "PK", "p");
}

static void a_template_that_is_malformed(void) {
    static const char *const names[] = {"KEK", "PK"};

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_auto(TestChange) f = {};
        g_autoptr(GBytes) garbage = g_bytes_new_static("garbage", 7);
        g_autofree char *text = g_strconcat("byte 0 of ", names[i], NULL);
        Store *template = store_new_flash(TEST_LENGTH_4M);

        store_set(template, &efi_global_guid, names[i], 0x27, garbage);
        test_change_begin(&f, store_new_flash(TEST_LENGTH_4M), "");
        (void)g_hash_table_insert(f.templates, (gpointer) "t", template);
        test_change_add(&f, "{'do': <'enroll-from'>, 'firmware': <'t'>}", NULL);
        test_change_fail(&f, FIRMWARE_ERROR_IMAGE_UNUSABLE, text);
        test_change_assert_keys(&f, "db", NULL);
    }
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(enrol_each_variable),
            TEST_CASE(the_platform_key_is_replaced),
            TEST_CASE(what_is_there_is_not_added),
            TEST_CASE(formats_of_data),
            TEST_CASE(owners),
            TEST_CASE(hashes_share_a_list),
            TEST_CASE(types_keep_their_places),
            TEST_CASE(many_hashes),
            TEST_CASE(data_that_is_refused),
            TEST_CASE(a_malformed_variable_is_not_changed),
            TEST_CASE(known_certificates),
            TEST_CASE(known_certificates_that_are_missing),
            TEST_CASE(a_certificate_of_nobody),
            TEST_CASE(from_a_template),
            TEST_CASE(a_template_that_is_malformed),
    };

    return test_main(argc, argv, "uefi-enroll", cases, G_N_ELEMENTS(cases));
}
