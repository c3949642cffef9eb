/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "uefi/store.h"

#include <string.h>

#include "util-uefi.h"
#include "util.h"

static const guint32 lengths[] = {TEST_LENGTH_2M, TEST_LENGTH_4M, TEST_LENGTH_ARM};

static guint32 add(TestStore *store, guint8 state, const char *name, const char *value) {
    return test_store_add(store, state, TEST_GLOBAL, name, value, strlen(value));
}

static void assert_value(const Store *store, const char *name, const char *expected) {
    g_autofree char *value = test_store_lookup(store, TEST_GLOBAL, name);

    g_assert_cmpstr(value, ==, expected);
}

static void assert_health(const TestStore *test, StoreHealth health, const char *detail) {
    g_autoptr(Store) store = test_store_read(test);

    g_assert_cmpint(store->health, ==, health);
    g_assert_cmpstr(store->detail, ==, detail);
    g_assert_true(store->is_readable || store->variables->len == 0);
}

/* -- sound stores ----------------------------------------------------------------------- */

static void layouts_and_records(void) {
    static const gsize largest[][2] = {{0x2000, 0x2800}, {0x8400, 0x8400}, {0x2000, 0x2800}};

    for (gsize i = 0; i < G_N_ELEMENTS(lengths); i++)
        for (int auth = 0; auth <= 1; auth++) {
            g_autoptr(TestStore) test = test_store_new(lengths[i], auth);
            g_autoptr(Store) store = NULL;
            const StoreVariable *second;

            (void)add(test, TEST_ADDED, "Timeout", "12345");
            (void)add(test, 0x3c, "Gone", "x");
            (void)add(test, TEST_ADDED, "Lang", "eng");
            store = test_store_read(test);
            g_assert_cmpint(store->kind, ==, auth ? STORE_KIND_EDK2 : STORE_KIND_EDK2_PLAIN);
            g_assert_cmpint(store->health, ==, STORE_HEALTH_OK);
            g_assert_null(store->detail);
            g_assert_true(store->is_readable);
            g_assert_cmpuint(store->variables->len, ==, 2);
            assert_value(store, "Timeout", "12345");
            assert_value(store, "Lang", "eng");
            assert_value(store, "Gone", NULL);
            second = store->variables->pdata[1];
            g_assert_cmpstr(second->name, ==, "Lang");
            g_assert_cmpuint(second->attributes, ==, 7);
            g_assert_cmpuint(store->size, ==, lengths[i]);
            g_assert_cmpuint(store->largest, ==, largest[i][auth]);
            /* two records with 16 + 5 and 10 + 3 bytes, one with 10 + 1, each in full words */
            g_assert_cmpuint(store->live, ==, 2 * (auth ? 60 : 32) + 24 + 16);
            g_assert_cmpuint(store->dead, ==, (auth ? 60 : 32) + 12);
            g_assert_cmpuint(store->free, ==, test->layout->variables - test->end);
        }
}

static void a_record_that_fills_the_store(void) {
    g_autoptr(TestStore) test = test_store_new(TEST_LENGTH_2M, TRUE);
    g_autofree char *value = g_strnfill(0xe000 - 0x64 - 60 - 4, 'x');
    g_autoptr(Store) store = NULL;

    (void)add(test, TEST_ADDED, "A", value);
    g_assert_cmpuint(test->end, ==, 0xe000);
    store = test_store_read(test);
    assert_value(store, "A", value);
    g_assert_cmpuint(store->free, ==, 0);
}

static void time_stamps_are_those_of_authenticated_records(void) {
    for (int auth = 0; auth <= 1; auth++) {
        g_autoptr(TestStore) test = test_store_new(TEST_LENGTH_4M, auth);
        const guint32 at = add(test, TEST_ADDED, "PK", "some key or other");
        g_autoptr(Store) store = NULL;
        g_autofree char *time = NULL;

        if (auth) {
            test_store_set_u16(test, at + 16, 2025);
            test->bytes[at + 18] = test->bytes[at + 19] = 1;
        }
        store = test_store_read(test);
        time = efi_time_to_text(((StoreVariable *)store->variables->pdata[0])->time);
        g_assert_cmpstr(time, ==, auth ? "2025-01-01T00:00:00Z" : "");
    }
}

static void identity_is_guid_and_name(void) {
    g_autoptr(TestStore) test = test_store_new(TEST_LENGTH_4M, TRUE);
    g_autoptr(Store) store = NULL;
    g_autofree char *other = NULL;

    (void)add(test, TEST_ADDED, "db", "global");
    (void)test_store_add(test, TEST_ADDED, TEST_OTHER, "db", "other", 5);
    store = test_store_read(test);
    assert_value(store, "db", "global");
    other = test_store_lookup(store, TEST_OTHER, "db");
    g_assert_cmpstr(other, ==, "other");
}

static void a_variable_that_is_being_replaced(void) {
    static const struct {
        guint8 states[3];
        const char *expected;
    } stores[] = {
            {{0x3e, 0, 0}, "0"},    {{0x3e, 0x3f, 0}, "1"},    {{0x3e, 0x7f, 0}, "0"},
            {{0x3e, 0x3d, 0}, "0"}, {{0x3e, 0x3c, 0x3f}, "2"}, {{0x3e, 0x3e, 0}, "1"},
            {{0x3f, 0x3e, 0}, "0"}, {{0x3f, 0x3f, 0}, "0"},    {{0x3c, 0x3d, 0x7f}, NULL},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(stores); i++) {
        g_autoptr(TestStore) test = test_store_new(TEST_LENGTH_2M, TRUE);
        g_autoptr(Store) store = NULL;

        for (guint j = 0; j < 3 && stores[i].states[j]; j++) {
            const char value[] = {(char)('0' + j), '\0'};

            (void)add(test, stores[i].states[j], "Lang", value);
        }
        store = test_store_read(test);
        assert_value(store, "Lang", stores[i].expected);
        g_assert_cmpint(store->health, ==, STORE_HEALTH_OK);
        g_assert_cmpuint(store->variables->len, ==, stores[i].expected ? 1 : 0);
    }
}

static void what_lies_behind_the_store_is_not_read(void) {
    g_autoptr(TestStore) test = test_store_new(TEST_LENGTH_2M, TRUE);
    g_autofree guint8 *image = g_malloc(0x200000);
    g_autoptr(GBytes) head = NULL;
    g_autoptr(Store) store = NULL, alone = NULL;

    /* a unified image has code behind the variables */
    (void)add(test, TEST_ADDED, "Lang", "eng");
    memset(image, 0x90, 0x200000);
    memcpy(image, test->bytes, TEST_LENGTH_2M);
    head = g_bytes_new(image, STORE_MAX_LENGTH);
    store = store_read_flash(head, 0x200000);
    alone = test_store_read(test);
    g_assert_cmpint(store->health, ==, STORE_HEALTH_OK);
    assert_value(store, "Lang", "eng");
    g_assert_cmpuint(store->size, ==, 0x200000);
    g_assert_true(g_bytes_equal(store->bytes, alone->bytes));
}

/* -- unsound stores --------------------------------------------------------------------- */

static void blank(void) {
    static const struct {
        gsize size;
        guint8 fill;
    } images[] = {{0, 0}, {1, 0}, {TEST_LENGTH_4M, 0xff}, {STORE_MAX_LENGTH, 0}};

    for (gsize i = 0; i < G_N_ELEMENTS(images); i++) {
        g_autofree guint8 *bytes = g_malloc(images[i].size + 1);
        g_autoptr(GBytes) head = NULL;
        g_autoptr(Store) store = NULL;

        memset(bytes, images[i].fill, images[i].size);
        head = g_bytes_new(bytes, images[i].size);
        store = store_read_flash(head, images[i].size);
        g_assert_cmpint(store->kind, ==, STORE_KIND_BLANK);
        g_assert_cmpint(store->health, ==, STORE_HEALTH_EMPTY);
        g_assert_true(store->is_readable);
        g_assert_cmpuint(store->variables->len, ==, 0);
    }
}

static void truncated(void) {
    g_autoptr(TestStore) test = test_store_new(TEST_LENGTH_4M, TRUE);

    (void)add(test, TEST_ADDED, "Lang", "eng");
    for (gsize size = 1; size < TEST_LENGTH_4M; size = size < 0x100 ? size + 1 : size * 2 + 1) {
        g_autoptr(GBytes) head = g_bytes_new(test->bytes, size);
        g_autoptr(Store) store = store_read_flash(head, size);
        const gboolean is_header = size >= 0x48;

        g_assert_false(store->is_readable && size > 16);
        if (size > 16)
            g_assert_cmpint(
                    store->health, ==, is_header ? STORE_HEALTH_TRUNCATED : STORE_HEALTH_DAMAGED);
        if (is_header)
            g_assert_true(g_str_has_prefix(store->detail, "byte "));
    }
}

static void each_field_of_the_headers(void) {
    static const struct {
        guint32 offset;
        gboolean with_checksum;
        const char *detail;
    } fields[] = {
            {0, FALSE, "byte 50: the checksum of the volume header is wrong"},
            {16, TRUE, "byte 16: the volume is not one of variables"},
            {34, TRUE, "byte 32: no firmware has a volume of 16973824 bytes"},
            {40, TRUE, "byte 40: no firmware volume"},
            {43, TRUE, "byte 40: no firmware volume"},
            {44, FALSE, "byte 50: the checksum of the volume header is wrong"},
            {49, TRUE, "byte 48: the volume header is said to have 328 bytes"},
            {50, FALSE, "byte 50: the checksum of the volume header is wrong"},
            {55, TRUE, "byte 55: volume header of revision 3"},
            {71, FALSE, "byte 50: the checksum of the volume header is wrong"},
            {0x48, FALSE, "byte 72: no variable store"},
            {0x57, FALSE, "byte 72: no variable store"},
            {0x58, FALSE, "byte 88: the variable store is said to have 57273 bytes"},
            {0x5b, FALSE, "byte 88: the variable store is said to have 16834488 bytes"},
            {0x5c, FALSE, "byte 92: the variable store is not formatted"},
            {0x5d, FALSE, "byte 93: the variable store is marked unhealthy"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(fields); i++) {
        g_autoptr(TestStore) test = test_store_new(TEST_LENGTH_2M, TRUE);

        (void)add(test, TEST_ADDED, "Lang", "eng");
        test->bytes[fields[i].offset] ^= 1;
        if (fields[i].offset == 34)
            test->bytes[35] = 1;
        if (fields[i].with_checksum)
            test_store_set_checksum(test);
        assert_health(test, STORE_HEALTH_DAMAGED, fields[i].detail);
    }
}

/* edk2's driver until 2023 writes the header but for its state, the state, name and data, the
 * state. */
static void torn_at_every_byte(void) {
    for (int auth = 0; auth <= 1; auth++) {
        g_autoptr(TestStore) whole = test_store_new(TEST_LENGTH_2M, auth);
        const guint32 header_size = auth ? 60 : 32;
        guint32 at, size;

        (void)add(whole, TEST_ADDED, "Lang", "eng");
        at = add(whole, 0xff, "New", "value");
        size = whole->end - at;
        for (guint32 n = 0; n <= size; n++) {
            g_autoptr(TestStore) test = test_store_new(TEST_LENGTH_2M, auth);
            g_autoptr(Store) store = NULL;

            memcpy(test->bytes, whole->bytes, at + n);
            if (n >= header_size)
                test->bytes[at + 2] = 0x7f;
            store = test_store_read(test);
            g_assert_cmpint(
                    store->health, ==,
                    n == 0 || n >= header_size ? STORE_HEALTH_OK : STORE_HEALTH_TORN);
            assert_value(store, "Lang", "eng");
            assert_value(store, "New", NULL);
        }
    }
}

/* edk2's driver since 2023 writes all but the state, and the state. */
static void torn_without_a_state(void) {
    for (int auth = 0; auth <= 1; auth++) {
        g_autoptr(TestStore) whole = test_store_new(TEST_LENGTH_4M, auth);
        const guint32 header_size = auth ? 60 : 32;
        guint32 at, size;
        g_autofree char *detail = NULL;

        (void)add(whole, TEST_ADDED, "Lang", "eng");
        at = add(whole, 0xff, "New", "value");
        size = whole->end - at;
        detail = g_strdup_printf("byte %u: a variable is incomplete", at);
        for (guint32 n = 1; n <= size; n++) {
            g_autoptr(TestStore) test = test_store_new(TEST_LENGTH_4M, auth);
            g_autoptr(Store) store = NULL;

            memcpy(test->bytes, whole->bytes, at + n);
            assert_health(test, STORE_HEALTH_TORN, detail);
            store = test_store_read(test);
            g_assert_cmpuint(store->variables->len, ==, 1);
            assert_value(store, "Lang", "eng");
            /* what is free is erased */
            if (n > 1)
                g_assert_cmpuint(
                        store->free, ==,
                        test->layout->variables - at - (n > header_size ? size : header_size));
        }
    }
}

/* A torn record hides no other one: edk2 would drop it. */
static void what_is_behind_a_torn_record(void) {
    static const struct {
        guint32 size; /* of its data, as its header has it */
        gboolean has_name;
    } records[] = {{5, TRUE}, {300, FALSE}, {G_MAXUINT32 - 1, FALSE}};

    for (gsize i = 0; i < G_N_ELEMENTS(records); i++) {
        g_autoptr(TestStore) test = test_store_new(TEST_LENGTH_4M, TRUE);
        const guint32 at = add(test, 0xff, "Torn", "value");
        g_autofree char *detail =
                g_strdup_printf("byte %u: neither a variable nor free space begins here", at + 60);
        guint32 lost;

        if (!records[i].has_name) {
            memset(test->bytes + at + 60, 0xff, test->end - at - 60);
            test->end = at + 60;
        }
        test_store_set_u32(test, at + 40, records[i].size);
        lost = add(test, TEST_ADDED, "Lost", "x");
        if (!records[i].has_name)
            test->bytes[lost] = 0;
        assert_health(test, STORE_HEALTH_DAMAGED, detail);
    }
}

static void a_torn_record_is_walked_over_as_a_header(void) {
    static const guint32 fields[] = {2, 4, 36, 40};

    for (gsize i = 0; i < G_N_ELEMENTS(fields); i++) {
        g_autoptr(TestStore) test = test_store_new(TEST_LENGTH_4M, TRUE);
        const guint32 at = add(test, TEST_ADDED, "Torn", "value");
        g_autofree char *detail = g_strdup_printf("byte %u: a variable is incomplete", at);
        g_autoptr(Store) store = NULL;

        memset(test->bytes + at + 60, 0xff, test->end - at - 60);
        if (fields[i] == 2)
            test->bytes[at + 2] = 0xff;
        else
            test_store_set_u32(test, at + fields[i], G_MAXUINT32);
        test->end = at + 60;
        (void)add(test, TEST_ADDED, "Behind", "it");
        assert_health(test, STORE_HEALTH_TORN, detail);
        store = test_store_read(test);
        g_assert_cmpuint(store->variables->len, ==, 1);
        assert_value(store, "Behind", "it");
        g_assert_cmpuint(store->dead, ==, 60);
    }
}

static void sizes_are_never_believed(void) {
    static const guint32 sizes[] = {0xdff0, 0x7fffffff, 0xfffffffe};

    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++)
        for (guint32 field = 36; field <= 40; field += 4) {
            g_autoptr(TestStore) test = test_store_new(TEST_LENGTH_2M, TRUE);
            guint32 at;
            g_autofree char *detail = NULL;
            g_autoptr(Store) store = NULL;

            (void)add(test, TEST_ADDED, "Lang", "eng");
            at = add(test, TEST_ADDED, "Large", "x");
            detail = g_strdup_printf("byte %u: a variable runs past the end of the store", at);
            test_store_set_u32(test, at + field, sizes[i]);
            assert_health(test, STORE_HEALTH_DAMAGED, detail);
            store = test_store_read(test);
            assert_value(store, "Lang", "eng");
        }
}

static void names_end_with_their_nul(void) {
    /* the size of "Name" in bytes is 10; units of the name */
    static const struct {
        guint32 size;
        guint16 units[5];
    } names[] = {
            {0, {0}},
            {2, {0}},
            {9, {'N', 'a', 'm', 'e', 0}},
            {8, {'N', 'a', 'm', 'e', 0}},
            {10, {'N', 'a', 0, 'e', 0}},
            {10, {'N', 'a', 'm', 'e', 'x'}},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(TestStore) test = test_store_new(TEST_LENGTH_2M, TRUE);
        const guint32 at = add(test, TEST_ADDED, "Name", "value");
        g_autofree char *detail =
                g_strdup_printf("byte %u: the name of a variable is malformed", at);

        /* the record stays as long as it was */
        test_store_set_u32(test, at + 36, names[i].size);
        test_store_set_u32(test, at + 40, 15 - names[i].size);
        for (guint j = 0; j < 5; j++)
            test_store_set_u16(test, at + 60 + 2 * j, names[i].units[j]);
        assert_health(test, STORE_HEALTH_DAMAGED, detail);
    }
}

static void what_is_no_free_space(void) {
    g_autoptr(TestStore) test = test_store_new(TEST_LENGTH_2M, TRUE);
    guint32 second;
    g_autofree char *detail = NULL;
    g_autoptr(Store) store = NULL;

    (void)add(test, TEST_ADDED, "Lang", "eng");
    second = add(test, TEST_ADDED, "Lost", "x");
    detail = g_strdup_printf("byte %u: neither a variable nor free space begins here", second);
    test->bytes[second] = 0;
    assert_health(test, STORE_HEALTH_DAMAGED, detail);
    store = test_store_read(test);
    assert_value(store, "Lang", "eng");
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(layouts_and_records),
            TEST_CASE(a_record_that_fills_the_store),
            TEST_CASE(time_stamps_are_those_of_authenticated_records),
            TEST_CASE(identity_is_guid_and_name),
            TEST_CASE(a_variable_that_is_being_replaced),
            TEST_CASE(what_lies_behind_the_store_is_not_read),
            TEST_CASE(blank),
            TEST_CASE(truncated),
            TEST_CASE(each_field_of_the_headers),
            TEST_CASE(torn_at_every_byte),
            TEST_CASE(torn_without_a_state),
            TEST_CASE(what_is_behind_a_torn_record),
            TEST_CASE(a_torn_record_is_walked_over_as_a_header),
            TEST_CASE(sizes_are_never_believed),
            TEST_CASE(names_end_with_their_nul),
            TEST_CASE(what_is_no_free_space),
    };

    return test_main(argc, argv, "uefi-store", cases, G_N_ELEMENTS(cases));
}
