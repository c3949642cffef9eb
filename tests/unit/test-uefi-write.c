/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Changed stores, as bytes. */

#include <string.h>

#include "base/error.h"
#include "uefi/store-write.h"
#include "util-uefi.h"
#include "util.h"

static const guint32 lengths[] = {TEST_LENGTH_2M, TEST_LENGTH_4M, TEST_LENGTH_ARM};

#define VARIABLE(guid, name, rest) "{\"guid\": \"" guid "\", \"name\": \"" name "\"" rest "}"
#define STORE(variables) "{\"version\": 2, \"variables\": [" variables "]}"

static EfiGuid parse(const char *text) {
    EfiGuid guid;

    g_assert_true(efi_guid_parse(text, &guid));
    return guid;
}

static void set(Store *store, const char *guid, const char *name, const char *value) {
    const EfiGuid parsed = parse(guid);
    g_autoptr(GBytes) data = g_bytes_new_static(value, strlen(value));

    store_set(store, &parsed, name, 7, data);
}

static Store *read_back(const Store *store) {
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = store_write(store, &error);

    g_assert_no_error(error);
    return store->kind == STORE_KIND_QEMU_JSON ? store_read_json(bytes)
                                               : store_read_flash(bytes, g_bytes_get_size(bytes));
}

static void assert_value(
        const Store *store, const char *guid, const char *name, const char *expected) {
    g_autofree char *value = test_store_lookup(store, guid, name);

    g_assert_cmpstr(value, ==, expected);
}

/* The records move together, and nothing else changes. */
static void a_compact_store_stays_as_it_is(void) {
    for (gsize i = 0; i < G_N_ELEMENTS(lengths); i++)
        for (gboolean is_authenticated = FALSE; is_authenticated <= TRUE; is_authenticated++) {
            g_autoptr(TestStore) test = test_store_new(lengths[i], is_authenticated);
            guint32 at = test_store_add(test, TEST_ADDED, TEST_GLOBAL, "Lang", "eng", 3);
            g_autoptr(Store) store = NULL;
            g_autoptr(GBytes) bytes = NULL;

            /* of all bytes of the header */
            for (guint32 j = 8; is_authenticated && j < 36; j++)
                test->bytes[at + j] = (guint8)(100 + j);
            test->bytes[at + 3] = 0x5a;
            (void)test_store_add(test, TEST_ADDED, TEST_OTHER, "Lang", "x", 1);
            /* what is between the areas, and the header of the working area */
            if (test->layout->working > test->layout->variables)
                test->bytes[test->layout->working - 1] = 0x77;
            test->bytes[test->layout->working + 22] = 0x66;
            store = test_store_read(test);
            bytes = store_write(store, NULL);
            g_assert_nonnull(bytes);
            g_assert_cmpmem(
                    g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), test->bytes,
                    test->layout->length);
        }
}

static void dead_records_go(void) {
    g_autoptr(TestStore) test = test_store_new(TEST_LENGTH_4M, TRUE);
    g_autoptr(TestStore) expected = test_store_new(TEST_LENGTH_4M, TRUE);
    g_autoptr(Store) store = NULL;
    g_autoptr(GBytes) bytes = NULL;

    (void)test_store_add(test, 0x3d, TEST_GLOBAL, "Old", "1", 1);
    (void)test_store_add(test, TEST_REPLACED, TEST_GLOBAL, "Interrupted", "22", 2);
    (void)test_store_add(test, TEST_REPLACED, TEST_GLOBAL, "Lang", "old", 3);
    (void)test_store_add(test, 0x7f, TEST_GLOBAL, "Interrupted", "33", 2);
    (void)test_store_add(test, TEST_ADDED, TEST_GLOBAL, "Lang", "new", 3);
    /* the queue has a write that is complete, and the spare area its blocks */
    (void)test_store_queue_write(
            test, TEST_QUEUE_ALLOCATED | TEST_QUEUE_COMPLETE,
            TEST_QUEUE_SPARE | TEST_QUEUE_DESTINATION, 0, 0, 1);
    memset(test->bytes + test->layout->spare, 0x11, test->layout->spare_size);

    (void)test_store_add(expected, TEST_ADDED, TEST_GLOBAL, "Interrupted", "22", 2);
    (void)test_store_add(expected, TEST_ADDED, TEST_GLOBAL, "Lang", "new", 3);

    store = test_store_read(test);
    bytes = store_write(store, NULL);
    g_assert_nonnull(bytes);
    g_assert_cmpmem(
            g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), expected->bytes,
            expected->layout->length);
}

static void changes(void) {
    for (gsize i = 0; i < G_N_ELEMENTS(lengths); i++) {
        g_autoptr(TestStore) test = test_store_new(lengths[i], TRUE);
        g_autoptr(Store) store = NULL;
        g_autoptr(Store) after = NULL;
        const EfiGuid other = parse(TEST_OTHER);
        guint32 at;
        const guint8 *record;

        at = test_store_add(test, TEST_ADDED, TEST_GLOBAL, "Lang", "eng", 3);
        test->bytes[at + 8] = 42;
        memcpy(test->bytes + at + 16, "\xe7\x07\x05\x06", 4);
        (void)test_store_add(test, TEST_ADDED, TEST_OTHER, "Lang", "other", 5);
        store = test_store_read(test);
        set(store, TEST_GLOBAL, "Lang", "deutsch");
        set(store, TEST_GLOBAL, "N\u00fcw", "1");
        g_assert_true(store_remove(store, &other, "Lang"));
        g_assert_false(store_remove(store, &other, "Lang"));

        after = read_back(store);
        g_assert_cmpint(after->health, ==, STORE_HEALTH_OK);
        g_assert_cmpuint(after->variables->len, ==, 2);
        assert_value(after, TEST_GLOBAL, "Lang", "deutsch");
        assert_value(after, TEST_GLOBAL, "N\u00fcw", "1");
        assert_value(after, TEST_OTHER, "Lang", NULL);
        /* count and time stay */
        record = g_bytes_get_data(after->bytes, NULL);
        g_assert_cmpuint(record[0x64 + 8], ==, 42);
        g_assert_cmpmem(record + 0x64 + 16, 4, "\xe7\x07\x05\x06", 4);
    }
}

static void time_of_a_new_variable(void) {
    g_autoptr(Store) store = store_new_flash(TEST_LENGTH_4M);
    const EfiGuid guid = parse(TEST_OTHER);
    g_autoptr(GBytes) data = g_bytes_new_static("1", 1);
    g_autoptr(Store) after = NULL;
    const StoreVariable *variable;

    store_set(store, &guid, "a", 0x27, data);
    store_set(store, &guid, "b", 7, data);
    after = read_back(store);
    variable = store_find(after, &guid, "a");
    g_assert_cmpmem(variable->time, EFI_TIME_SIZE, store_first_time, EFI_TIME_SIZE);
    variable = store_find(after, &guid, "b");
    g_assert_cmpuint(variable->time[0], ==, 0);
}

/* As Debian's templates are. */
static void a_new_flash_store(void) {
    for (gsize i = 0; i < G_N_ELEMENTS(lengths); i++) {
        g_autoptr(TestStore) test = test_store_new(lengths[i], TRUE);
        g_autoptr(Store) store = store_new_flash(lengths[i]);

        g_assert_cmpint(store->health, ==, STORE_HEALTH_OK);
        g_assert_cmpmem(
                g_bytes_get_data(store->bytes, NULL), g_bytes_get_size(store->bytes), test->bytes,
                lengths[i]);
    }
}

static void json_keeps_what_it_does_not_know(void) {
    static const char text[] = "{\"version\": 2, \"later\": {\"a\": [1.50]}, \"variables\": [" VARIABLE(
            TEST_GLOBAL, "db",
            ", \"attr\": 39, \"data\": \"AB\", \"time\": "
            "\"e7070506000000000000000000000000\", \"digest\": \"0011\", \"more\": null") "," VARIABLE(TEST_OTHER, "Lang", ", \"attr\": 7, \"data\": \"AB\", \"x\": 1") "]}";
    g_autoptr(GBytes) bytes = g_bytes_new_static(text, strlen(text));
    g_autoptr(Store) store = store_read_json(bytes);
    g_autoptr(GBytes) written = NULL;
    g_autofree char *result = NULL;

    set(store, TEST_GLOBAL, "db", "ab");
    set(store, TEST_OTHER, "New", "n");
    written = store_write(store, NULL);
    g_assert_nonnull(written);
    result = g_strndup(g_bytes_get_data(written, NULL), g_bytes_get_size(written));
    g_assert_nonnull(strstr(result, "\"digest\" : \"0011\""));
    g_assert_nonnull(strstr(result, "\"time\" : \"e7070506000000000000000000000000\""));
    g_assert_nonnull(strstr(result, "\"more\" : null"));
    g_assert_nonnull(strstr(result, "\"later\" : {"));
    g_assert_nonnull(strstr(result, "\"data\" : \"6162\""));
    g_assert_nonnull(strstr(result, "\"data\" : \"AB\""));
    g_assert_nonnull(strstr(result, "\"x\" : 1"));
}

static void json_values_come_back(void) {
    g_autoptr(Store) store = store_new_json();
    g_autoptr(Store) after = NULL;

    g_assert_cmpint(store->health, ==, STORE_HEALTH_OK);
    set(store, TEST_GLOBAL, "N\u00fcw\U0001f600\"\\", "1");
    set(store, TEST_OTHER, "a", "2");
    after = read_back(store);
    g_assert_cmpint(after->health, ==, STORE_HEALTH_OK);
    assert_value(after, TEST_GLOBAL, "N\u00fcw\U0001f600\"\\", "1");
    assert_value(after, TEST_OTHER, "a", "2");
}

static void assert_limit(Store *store, guint32 attributes, gsize size, const char *expected) {
    const EfiGuid guid = parse(TEST_OTHER);
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = NULL;
    g_autoptr(GBytes) data = g_bytes_new_take(g_malloc0(size), size);

    store_set(store, &guid, "a", attributes, data);
    bytes = store_write(store, &error);
    if (expected) {
        g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_LIMITS_EXCEEDED);
        g_assert_nonnull(strstr(error->message, expected));
    } else
        g_assert_no_error(error);
    (void)store_remove(store, &guid, "a");
}

static void limits_of_one_variable(void) {
    g_autoptr(Store) small = store_new_flash(TEST_LENGTH_2M);
    g_autoptr(Store) large = store_new_flash(TEST_LENGTH_4M);
    g_autoptr(Store) json = store_new_json();

    assert_limit(small, 7, 0x2000 - 64, NULL);
    assert_limit(
            small, 7, 0x2000 - 63, "a: it would have 8193 bytes, and the store takes at most 8192");
    assert_limit(small, 0x27, 0x2800 - 64, NULL);
    assert_limit(small, 0x27, 0x2800 - 63, "at most 10240");
    assert_limit(large, 0x27, 0x8400 - 64, NULL);
    assert_limit(large, 7, 0x8400 - 63, "at most 33792");
    assert_limit(json, 7, 0x10000 - 100, NULL);
    assert_limit(json, 7, 0x10000 - 99, "at most 65536");
}

static void fill(Store *store, guint n, gsize size) {
    const EfiGuid guid = parse(TEST_OTHER);
    g_autoptr(GBytes) data = g_bytes_new_take(g_malloc0(size), size);

    for (guint i = 0; i < n; i++) {
        const char name[] = {(char)('b' + i), '\0'};

        store_set(store, &guid, name, 7, data);
    }
}

static void limit_of_the_store(void) {
    g_autoptr(Store) small = store_new_flash(TEST_LENGTH_2M);
    g_autoptr(Store) json = store_new_json();

    /* 57244 bytes of records; the last has what is left of them */
    fill(small, 6, 0x2000 - 64);
    assert_limit(small, 7, 57244 - 6 * 0x2000 - 64, NULL);
    assert_limit(
            small, 7, 57244 - 6 * 0x2000 - 63,
            "would have 57248 bytes, and the store has room for 57244");
    fill(json, 3, 0x10000 - 100);
    assert_limit(json, 7, 0x10000 - 100, NULL);
    fill(json, 4, 0x10000 - 100);
    assert_limit(json, 7, 1, "would have 262245 bytes, and the store has room for 262144");
}

static void writable_copies(void) {
    static const struct {
        gsize size;
        gboolean is_json;
        StoreKind kind;
    } empty[] = {
            {0xc0000, FALSE, STORE_KIND_EDK2},
            {0, TRUE, STORE_KIND_QEMU_JSON},
            {0x84000, FALSE, STORE_KIND_UNKNOWN},
            {0, FALSE, STORE_KIND_UNKNOWN},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(empty); i++) {
        g_autoptr(GBytes) bytes = g_bytes_new_take(g_malloc0(empty[i].size), empty[i].size);
        /* the flash is larger than the store */
        g_autoptr(Store) store = empty[i].is_json
                ? store_read_json(bytes)
                : store_read_flash(bytes, empty[i].size == 0xc0000 ? 0x4000000 : empty[i].size);
        g_autoptr(GError) error = NULL;
        g_autoptr(Store) copy = store_new_writable(store, &error);

        if (empty[i].kind == STORE_KIND_UNKNOWN) {
            g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_IMAGE_UNUSABLE);
            continue;
        }
        g_assert_no_error(error);
        g_assert_cmpint(copy->kind, ==, empty[i].kind);
        g_assert_cmpuint(copy->size, ==, store->size);
        set(copy, TEST_OTHER, "a", "1");
        assert_value(copy, TEST_OTHER, "a", "1");
    }
}

/* The write is complete in the copy, and its queue gone in the result. */
static void a_pending_write_is_completed(void) {
    g_autoptr(TestStore) after = test_store_new(TEST_LENGTH_4M, TRUE);
    g_autoptr(TestStore) test = test_store_new(TEST_LENGTH_4M, TRUE);
    g_autoptr(Store) store = NULL;
    g_autoptr(Store) copy = NULL;
    g_autoptr(Store) result = NULL;

    (void)test_store_add(after, TEST_ADDED, TEST_GLOBAL, "Lang", "new", 3);
    (void)test_store_add(test, TEST_ADDED, TEST_GLOBAL, "Lang", "old", 3);
    memcpy(test->bytes + test->layout->spare, after->bytes, test->layout->variables);
    (void)test_store_queue_write(
            test, TEST_QUEUE_ALLOCATED, TEST_QUEUE_SPARE, 0, 0x48, test->layout->variables - 0x48);
    /* the header is erased already */
    memset(test->bytes, 0xff, 0x48);
    store = test_store_read(test);
    g_assert_cmpint(store->health, ==, STORE_HEALTH_PENDING);
    copy = store_new_writable(store, NULL);
    g_assert_nonnull(copy);
    set(copy, TEST_OTHER, "a", "1");
    result = read_back(copy);
    g_assert_cmpint(result->health, ==, STORE_HEALTH_OK);
    assert_value(result, TEST_GLOBAL, "Lang", "new");
    assert_value(result, TEST_OTHER, "a", "1");
}

/* Half of a surrogate pair is a name in flash alone. */
static void copies_of_variables(void) {
    g_autoptr(TestStore) test = test_store_new(TEST_LENGTH_2M, TRUE);
    g_autoptr(Store) from = NULL;
    g_autoptr(Store) flash = store_new_flash(TEST_LENGTH_4M);
    g_autoptr(Store) json = store_new_json();
    g_autoptr(Store) after = NULL;
    guint32 at;

    at = test_store_add(test, TEST_ADDED, TEST_GLOBAL, "Lang", "eng", 3);
    memcpy(test->bytes + at + 16, "\xe7\x07\x05\x06", 4);
    at = test_store_add(test, TEST_ADDED, TEST_OTHER, "x", "1", 1);
    test_store_set_u16(test, at + 60, 0xd800);
    from = test_store_read(test);
    g_assert_cmpuint(from->variables->len, ==, 2);

    g_assert_true(store_add_copy(flash, from, from->variables->pdata[0]));
    g_assert_true(store_add_copy(flash, from, from->variables->pdata[1]));
    g_assert_true(store_add_copy(json, from, from->variables->pdata[0]));
    g_assert_false(store_add_copy(json, from, from->variables->pdata[1]));

    after = read_back(flash);
    g_assert_cmpuint(after->variables->len, ==, 2);
    g_assert_cmpmem(
            (const guint8 *)g_bytes_get_data(after->bytes, NULL) + 0x64, test->end - 0x64,
            test->bytes + 0x64, test->end - 0x64);
    g_clear_pointer(&after, store_free);
    after = read_back(json);
    g_assert_cmpuint(after->variables->len, ==, 1);
    g_assert_cmpmem(((StoreVariable *)after->variables->pdata[0])->time, 4, "\xe7\x07\x05\x06", 4);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(a_compact_store_stays_as_it_is),
            TEST_CASE(dead_records_go),
            TEST_CASE(changes),
            TEST_CASE(time_of_a_new_variable),
            TEST_CASE(a_new_flash_store),
            TEST_CASE(json_keeps_what_it_does_not_know),
            TEST_CASE(json_values_come_back),
            TEST_CASE(limits_of_one_variable),
            TEST_CASE(limit_of_the_store),
            TEST_CASE(writable_copies),
            TEST_CASE(a_pending_write_is_completed),
            TEST_CASE(copies_of_variables),
    };

    return test_main(argc, argv, "uefi-write", cases, G_N_ELEMENTS(cases));
}
