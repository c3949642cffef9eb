/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Fault-tolerant writes that were interrupted. */

#include <string.h>

#include "util-uefi.h"
#include "util.h"

static const guint32 lengths[] = {TEST_LENGTH_2M, TEST_LENGTH_4M, TEST_LENGTH_ARM};

/* The variable area as it is to be, in the spare area of a store that has the old one. */
static TestStore *make_write(guint32 length) {
    g_autoptr(TestStore) after = test_store_new(length, TRUE);
    TestStore *store = test_store_new(length, TRUE);

    (void)test_store_add(after, TEST_ADDED, TEST_GLOBAL, "Lang", "new", 3);
    (void)test_store_add(store, TEST_ADDED, TEST_GLOBAL, "Lang", "old", 3);
    memcpy(store->bytes + store->layout->spare, after->bytes, store->layout->variables);
    return store;
}

/* PrepareVM writes these bytes. */
static void assert_completed(const TestStore *test, const char *expected) {
    g_autoptr(GBytes) bytes = g_bytes_new_static(test->bytes, test->layout->length);
    g_autoptr(GBytes) completed = store_complete_write(bytes);
    g_autoptr(GBytes) again = NULL;
    g_autoptr(Store) store = NULL;
    g_autofree char *value = NULL;

    g_assert_nonnull(completed);
    g_assert_cmpuint(g_bytes_get_size(completed), ==, test->layout->length);
    again = store_complete_write(completed);
    g_assert_null(again);
    store = store_read_flash(completed, test->layout->length);
    value = test_store_lookup(store, TEST_GLOBAL, "Lang");
    g_assert_cmpint(store->health, ==, STORE_HEALTH_OK);
    g_assert_cmpstr(value, ==, expected);
}

static void queue(TestStore *store, guint8 header_bits, guint8 record_bits) {
    /* what the driver's reclaim writes: all of the store, which begins behind the volume header */
    (void)test_store_queue_write(
            store, header_bits, record_bits, 0, 0x48, store->layout->variables - 0x48);
}

static void assert_read(const TestStore *test, StoreHealth health, const char *expected) {
    g_autoptr(Store) store = test_store_read(test);
    g_autofree char *value = test_store_lookup(store, TEST_GLOBAL, "Lang");

    g_assert_cmpint(store->health, ==, health);
    g_assert_cmpstr(value, ==, expected);
    if (health == STORE_HEALTH_PENDING)
        assert_completed(test, expected);
}

static void each_step(void) {
    static const struct {
        guint8 header_bits, record_bits;
        gboolean is_pending;
    } steps[] = {
            {0, 0, FALSE},
            {1, 0, FALSE},
            {TEST_QUEUE_ALLOCATED, 0, FALSE},
            {TEST_QUEUE_ALLOCATED, TEST_QUEUE_SPARE, TRUE},
            {TEST_QUEUE_ALLOCATED, TEST_QUEUE_SPARE | TEST_QUEUE_DESTINATION, FALSE},
            {TEST_QUEUE_ALLOCATED | TEST_QUEUE_COMPLETE, TEST_QUEUE_SPARE | TEST_QUEUE_DESTINATION,
             FALSE},
            {TEST_QUEUE_ALLOCATED | TEST_QUEUE_COMPLETE, TEST_QUEUE_SPARE, FALSE},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(lengths); i++)
        for (gsize j = 0; j < G_N_ELEMENTS(steps); j++) {
            g_autoptr(TestStore) test = make_write(lengths[i]);

            queue(test, steps[j].header_bits, steps[j].record_bits);
            assert_read(
                    test, steps[j].is_pending ? STORE_HEALTH_PENDING : STORE_HEALTH_OK,
                    steps[j].is_pending ? "new" : "old");
        }
}

/* The firmware erases the area and copies the spare over it, in this order. */
static void the_area_is_erased_up_to_any_byte(void) {
    for (gsize i = 0; i < G_N_ELEMENTS(lengths); i++)
        for (guint32 n = 0; n < 0x100; n++) {
            g_autoptr(TestStore) erased = make_write(lengths[i]);
            g_autoptr(TestStore) copied = make_write(lengths[i]);

            queue(erased, TEST_QUEUE_ALLOCATED, TEST_QUEUE_SPARE);
            queue(copied, TEST_QUEUE_ALLOCATED, TEST_QUEUE_SPARE);
            memset(erased->bytes, 0xff, n);
            memset(copied->bytes, 0xff, copied->layout->variables);
            memcpy(copied->bytes, copied->bytes + copied->layout->spare, n);
            assert_read(erased, STORE_HEALTH_PENDING, "new");
            assert_read(copied, STORE_HEALTH_PENDING, "new");
        }
}

static void a_write_behind_others(void) {
    g_autoptr(TestStore) test = make_write(TEST_LENGTH_4M);

    for (guint i = 0; i < 10; i++)
        queue(test, TEST_QUEUE_ALLOCATED | TEST_QUEUE_COMPLETE,
              TEST_QUEUE_SPARE | TEST_QUEUE_DESTINATION);
    assert_read(test, STORE_HEALTH_OK, "old");
    queue(test, TEST_QUEUE_ALLOCATED, TEST_QUEUE_SPARE);
    assert_read(test, STORE_HEALTH_PENDING, "new");
}

static void a_queue_that_is_full(void) {
    g_autoptr(TestStore) test = make_write(TEST_LENGTH_2M);

    for (guint i = 0; i < (0x1000 - 32) / 80; i++)
        queue(test, TEST_QUEUE_ALLOCATED | TEST_QUEUE_COMPLETE,
              TEST_QUEUE_SPARE | TEST_QUEUE_DESTINATION);
    assert_read(test, STORE_HEALTH_OK, "old");
}

/* A write of some blocks replaces these alone. */
static void a_write_of_one_block(void) {
    g_autoptr(TestStore) test = test_store_new(TEST_LENGTH_2M, TRUE);
    g_autofree char *filler = g_strnfill(0x1000, 'f');
    guint32 at;

    (void)test_store_add(test, TEST_ADDED, TEST_GLOBAL, "Filler", filler, 0x1000);
    at = test_store_add(test, TEST_ADDED, TEST_GLOBAL, "Lang", "old", 3);
    memcpy(test->bytes + test->layout->spare, test->bytes + 0x1000, 0x1000);
    memcpy(test->bytes + test->layout->spare + (at - 0x1000) + 60 + 10, "new", 3);
    /* of the rest of the spare area nothing counts */
    memset(test->bytes + test->layout->spare + 0x1000, 0, 0x1000);
    (void)test_store_queue_write(test, TEST_QUEUE_ALLOCATED, TEST_QUEUE_SPARE, 1, 0x10, 0x100);
    assert_read(test, STORE_HEALTH_PENDING, "new");
}

static void what_a_record_says_is_not_believed(void) {
    static const guint64 writes[][3] = {
            {1, 0, 0x10000}, {16, 0, 1},          {0, 0x10001, 1},     {0, 1, 0x10000},
            {0, 0, 0},       {G_MAXUINT64, 0, 1}, {0, G_MAXUINT64, 1}, {0, 1, G_MAXUINT64},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(writes); i++) {
        g_autoptr(TestStore) test = make_write(TEST_LENGTH_2M);

        (void)test_store_queue_write(
                test, TEST_QUEUE_ALLOCATED, TEST_QUEUE_SPARE, writes[i][0], writes[i][1],
                writes[i][2]);
        assert_read(test, STORE_HEALTH_OK, "old");
    }
}

static void sizes_in_the_queue_are_not_believed(void) {
    static const guint64 sizes[][2] = {
            {G_MAXUINT64, 0}, {101, 0}, {1, G_MAXUINT64}, {1, 0xfe0}, {G_MAXUINT64, G_MAXUINT64}};

    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autoptr(TestStore) test = make_write(TEST_LENGTH_2M);
        const guint32 header = test->layout->working + 32;

        queue(test, TEST_QUEUE_ALLOCATED, TEST_QUEUE_SPARE);
        test_store_set_u64(test, header + 24, sizes[i][0]);
        test_store_set_u64(test, header + 32, sizes[i][1]);
        assert_read(test, STORE_HEALTH_OK, "old");
    }
}

/* The firmware makes a new one, and with it forgets the queue. */
static void a_working_header_that_is_wrong(void) {
    for (guint32 offset = 0; offset < 32; offset++) {
        /* reserved bytes of the state are in no sum */
        const gboolean counts = offset != 20;
        g_autoptr(TestStore) test = make_write(TEST_LENGTH_ARM);

        queue(test, TEST_QUEUE_ALLOCATED, TEST_QUEUE_SPARE);
        test->bytes[test->layout->working + offset] ^= counts ? 1 : 3;
        assert_read(test, STORE_HEALTH_OK, "old");
    }
}

static void a_spare_that_is_damaged(void) {
    g_autoptr(TestStore) test = make_write(TEST_LENGTH_2M);
    g_autoptr(Store) store = NULL;

    queue(test, TEST_QUEUE_ALLOCATED, TEST_QUEUE_SPARE);
    test->bytes[test->layout->spare + 0x48] ^= 1;
    store = test_store_read(test);
    g_assert_cmpint(store->health, ==, STORE_HEALTH_DAMAGED);
    g_assert_cmpstr(store->detail, ==, "byte 72: no variable store");
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(each_step),
            TEST_CASE(the_area_is_erased_up_to_any_byte),
            TEST_CASE(a_write_behind_others),
            TEST_CASE(a_queue_that_is_full),
            TEST_CASE(a_write_of_one_block),
            TEST_CASE(what_a_record_says_is_not_believed),
            TEST_CASE(sizes_in_the_queue_are_not_believed),
            TEST_CASE(a_working_header_that_is_wrong),
            TEST_CASE(a_spare_that_is_damaged),
    };

    return test_main(argc, argv, "uefi-pending", cases, G_N_ELEMENTS(cases));
}
