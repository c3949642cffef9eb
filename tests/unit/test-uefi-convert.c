/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "uefi/store-convert.h"

#include <string.h>

#include "base/error.h"
#include "uefi/store-write.h"
#include "util.h"
#include "util-uefi.h"

/* Variables that move to a store of another kind or size. */

#define PLAIN 7
#define AUTHENTICATED 0x27
#define CERTIFICATE_DATABASE "d9bee56e-75dc-49d9-b4d7-b534210f637a"

static Store *make(const char *kind) {
    if (g_str_equal(kind, "2M"))
        return store_new_flash(TEST_LENGTH_2M);
    if (g_str_equal(kind, "4M"))
        return store_new_flash(TEST_LENGTH_4M);
    return store_new_json();
}

static void set(
        Store *store, const char *guid_text, const char *name, guint32 attributes, gsize size) {
    g_autofree char *data = g_strnfill(size, name[0]);
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    EfiGuid guid;

    g_assert_true(efi_guid_parse(guid_text, &guid));
    store_set(store, &guid, name, attributes, bytes);
}

static Store *read_back(GBytes *bytes, const char *kind) {
    Store *store = g_str_equal(kind, "json") ? store_read_json(bytes)
                                             : store_read_flash(bytes, g_bytes_get_size(bytes));

    g_assert_cmpint(store->health, ==, STORE_HEALTH_OK);
    return store;
}

/* STORE as it reads back once written. */
static Store *written(Store *store, const char *kind) {
    g_autoptr(Store) owned = store;
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = store_write(owned, &error);

    g_assert_no_error(error);
    return read_back(bytes, kind);
}

/* What a guest with Secure Boot has. */
static Store *make_guest(const char *kind) {
    Store *store = make(kind);
    StoreVariable *key;

    set(store, TEST_GLOBAL, "PK", AUTHENTICATED, 900);
    set(store, TEST_GLOBAL, "KEK", AUTHENTICATED, 1500);
    set(store, TEST_IMAGE_SECURITY, "db", AUTHENTICATED, 3000);
    set(store, TEST_IMAGE_SECURITY, "dbx", AUTHENTICATED, 76);
    set(store, TEST_GLOBAL, "Boot0000", PLAIN, 120);
    set(store, TEST_GLOBAL, "BootOrder", PLAIN, 2);
    set(store, TEST_OTHER, "Boot0000", 3, 4);
    set(store, CERTIFICATE_DATABASE, "certdb", AUTHENTICATED, 4);
    set(store, TEST_OTHER, "certdb", PLAIN, 5);
    key = (StoreVariable *)store_find(store, &efi_global_guid, "KEK");
    memset(key->time, 7, EFI_TIME_SIZE);
    return written(store, kind);
}

static GBytes *convert(const Store *from, const char *kind, GError **error) {
    g_autoptr(Store) model = make(kind);
    g_autoptr(Store) template = NULL;

    /* its own keys are not taken */
    set(model, TEST_GLOBAL, "dbDefault", PLAIN, 10);
    template = written(g_steal_pointer(&model), kind);
    return store_convert(from, template, error);
}

static Store *converted(const Store *from, const char *kind) {
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = convert(from, kind, &error);

    g_assert_no_error(error);
    return read_back(bytes, kind);
}

static void assert_refused(const Store *from, const char *kind, const char *text) {
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = convert(from, kind, &error);

    g_assert_null(bytes);
    g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_NVRAM_MISMATCH);
    if (!strstr(error->message, text))
        g_error("\"%s\" is not in \"%s\"", text, error->message);
}

static gboolean is_made_anew(const StoreVariable *variable) {
    EfiGuid guid;

    return efi_guid_parse(CERTIFICATE_DATABASE, &guid) && efi_guid_equal(&guid, &variable->guid);
}

static void assert_same(const Store *a, const Store *b) {
    guint n = 0;

    for (guint i = 0; i < a->variables->len; i++) {
        const StoreVariable *variable = a->variables->pdata[i];
        const StoreVariable *other = store_find(b, &variable->guid, variable->name);

        if (is_made_anew(variable))
            continue;
        n++;
        g_assert_nonnull(other);
        g_assert_cmpuint(other->attributes, ==, variable->attributes);
        g_assert_cmpmem(other->time, EFI_TIME_SIZE, variable->time, EFI_TIME_SIZE);
        g_assert_true(g_bytes_equal(other->data, variable->data));
    }
    g_assert_cmpuint(n, ==, 8);
    g_assert_cmpuint(b->variables->len, ==, n);
}

static void all_variables_move_and_come_back(void) {
    static const char *const ways[][2] = {
            {"2M", "4M"}, {"4M", "2M"}, {"4M", "json"}, {"json", "4M"}, {"2M", "json"}};

    for (gsize i = 0; i < G_N_ELEMENTS(ways); i++) {
        g_autoptr(Store) from = make_guest(ways[i][0]);
        g_autoptr(Store) to = converted(from, ways[i][1]);
        g_autoptr(Store) back = converted(to, ways[i][0]);

        g_test_message("%s to %s", ways[i][0], ways[i][1]);
        assert_same(from, to);
        assert_same(from, back);
    }
}

static void each_that_is_too_large_is_named(void) {
    g_autoptr(Store) store = make("4M");
    g_autoptr(Store) from = NULL;

    set(store, TEST_IMAGE_SECURITY, "dbx", AUTHENTICATED, 21292);
    set(store, TEST_OTHER, "Large", PLAIN, 9000);
    set(store, TEST_OTHER, "Small", PLAIN, 9);
    from = written(g_steal_pointer(&store), "4M");
    assert_refused(from, "2M", "dbx (21360 bytes of at most 10240), Large (");
}

static void a_store_that_is_full_is_not_moved(void) {
    g_autoptr(Store) store = make("4M");
    g_autoptr(Store) from = NULL;

    for (guint i = 0; i < 10; i++) {
        g_autofree char *name = g_strdup_printf("V%u", i);

        set(store, TEST_OTHER, name, PLAIN, 8000);
    }
    from = written(g_steal_pointer(&store), "4M");
    assert_refused(from, "2M", "the store has room for 57244");
}

static void private_keys_stay_in_flash(void) {
    g_autoptr(Store) store = make("4M");
    g_autoptr(Store) from = NULL;
    g_autoptr(Store) to = NULL;
    EfiGuid guid;

    set(store, TEST_OTHER, "Private", AUTHENTICATED, 9);
    set(store, CERTIFICATE_DATABASE, "certdb", AUTHENTICATED, 40);
    from = written(g_steal_pointer(&store), "4M");
    assert_refused(from, "json", "Private (it is authenticated by a certificate of its own)");
    /* with the database that says whose it is */
    to = converted(from, "2M");
    g_assert_true(efi_guid_parse(CERTIFICATE_DATABASE, &guid));
    g_assert_nonnull(store_find(to, &guid, "certdb"));
}

static void a_store_without_time_stamps_takes_no_keys(void) {
    g_autoptr(TestStore) plain = test_store_new(TEST_LENGTH_4M, FALSE);
    g_autoptr(Store) template = test_store_read(plain);
    g_autoptr(Store) from = make_guest("4M");
    g_autoptr(GError) error = NULL;

    g_assert_cmpstr(store_kind_to_string(template->kind), ==, "edk2-plain");
    g_assert_null(store_convert(from, template, &error));
    g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_NVRAM_MISMATCH);
    g_assert_nonnull(strstr(
            error->message, "PK (it is authenticated, and the new store has no time stamps)"));
    g_assert_null(strstr(error->message, "Boot0000"));
}

/* JSON is UTF-8, which has no half of a pair of UTF-16. */
static void a_name_that_is_no_text_stays_in_flash(void) {
    g_autoptr(TestStore) odd = test_store_new(TEST_LENGTH_4M, TRUE);
    const guint32 record = test_store_add(odd, TEST_ADDED, TEST_OTHER, "odd", "x", 1);
    g_autoptr(Store) from = NULL;
    g_autoptr(Store) to = NULL;
    const StoreVariable *variable;

    test_store_set_u16(odd, record + 60, 0xd800);
    from = test_store_read(odd);
    g_assert_cmpint(from->health, ==, STORE_HEALTH_OK);
    assert_refused(from, "json", "the new store cannot have its name");
    variable = from->variables->pdata[0];
    to = converted(from, "2M");
    g_assert_nonnull(store_find(to, &variable->guid, variable->name));
}

static void a_store_that_is_not_sound_is_not_moved(void) {
    g_autoptr(TestStore) torn = test_store_new(TEST_LENGTH_2M, TRUE);
    g_autoptr(Store) model = make("4M");
    g_autoptr(Store) from = NULL;
    g_autoptr(GError) error = NULL;

    test_store_add(torn, 0xff, TEST_OTHER, "X", "x", 1);
    from = test_store_read(torn);
    g_assert_null(store_convert(from, model, &error));
    g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_IMAGE_UNUSABLE);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(all_variables_move_and_come_back),
            TEST_CASE(each_that_is_too_large_is_named),
            TEST_CASE(a_store_that_is_full_is_not_moved),
            TEST_CASE(private_keys_stay_in_flash),
            TEST_CASE(a_store_without_time_stamps_takes_no_keys),
            TEST_CASE(a_name_that_is_no_text_stays_in_flash),
            TEST_CASE(a_store_that_is_not_sound_is_not_moved),
    };

    return test_main(argc, argv, "uefi-convert", cases, G_N_ELEMENTS(cases));
}
