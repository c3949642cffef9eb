/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A flash store: the first byte of the input says which layout and which part of it the rest is.
 * What is read is within the store, and has one variable of each identity. */

#include <string.h>

#include "../unit/util-uefi.h"
#include "base/text.h"
#include "fuzz.h"
#include "uefi/store-write.h"

typedef enum Place {
    PLACE_ALL,
    PLACE_STORE_HEADER,
    PLACE_RECORDS,
    PLACE_QUEUE,
} Place;

#define SIZE 0x1000

/* One of each layout, made once: the input is written into it and taken back, which is much faster.
 */
static TestStore *get_store(guint layout, gboolean is_authenticated) {
    static TestStore *stores[VOLUME_N_LAYOUTS][2];
    TestStore **store = &stores[layout][is_authenticated];

    if (!*store) {
        *store = test_store_new(volume_layouts[layout].length, is_authenticated);
        memcpy((*store)->bytes + (*store)->layout->spare, (*store)->bytes, SIZE);
    }
    return *store;
}

static guint32 find_place(const TestStore *store, Place place) {
    switch (place) {
    case PLACE_ALL:
        return 0;
    case PLACE_STORE_HEADER:
        return VOLUME_HEADER_SIZE;
    case PLACE_RECORDS:
        return store->layout->variables - SIZE;
    case PLACE_QUEUE:
        return store->layout->working + 32;
    }
    g_assert_not_reached();
}

static void check(const Store *store) {
    gsize data_size = 0;

    g_assert_true((store->health == STORE_HEALTH_OK) == (store->detail == NULL));
    g_assert_true(!store->detail || text_is_valid(store->detail));
    g_assert_true(store->is_readable || store->variables->len == 0);
    g_assert_cmpuint(store->live + store->dead + store->free, <=, STORE_MAX_LENGTH);
    for (guint i = 0; i < store->variables->len; i++) {
        const StoreVariable *variable = store->variables->pdata[i];

        g_assert_true(text_is_valid(variable->name));
        g_assert_cmpstr(variable->name, !=, "");
        data_size += g_bytes_get_size(variable->data);
    }
    g_assert_cmpuint(data_size, <=, store->live);
}

/* Completing a write needs no more than the store, and ends. */
static void complete_write(GBytes *bytes) {
    g_autoptr(GBytes) completed = store_complete_write(bytes);
    g_autoptr(GBytes) again = completed ? store_complete_write(completed) : NULL;

    if (completed)
        g_assert_cmpuint(g_bytes_get_size(completed), ==, g_bytes_get_size(bytes));
    g_assert_null(again);
}

/* A store that can be changed is as it was after it was written, and sound. */
static void write_store(const Store *store) {
    g_autoptr(Store) copy = store_new_writable(store, NULL);
    g_autoptr(GBytes) bytes = copy ? store_write(copy, NULL) : NULL;
    g_autoptr(Store) again = bytes ? store_read_flash(bytes, g_bytes_get_size(bytes)) : NULL;

    if (!copy)
        return;
    g_assert_nonnull(again);
    g_assert_cmpint(again->health, ==, STORE_HEALTH_OK);
    g_assert_cmpuint(again->dead, ==, 0);
    g_assert_cmpuint(again->variables->len, ==, copy->variables->len);
    for (guint i = 0; i < again->variables->len; i++) {
        const StoreVariable *before = copy->variables->pdata[i],
                            *after = again->variables->pdata[i];

        g_assert_cmpstr(before->name, ==, after->name);
        g_assert_true(g_bytes_equal(before->data, after->data));
        g_assert_cmpuint(before->attributes, ==, after->attributes);
    }
}

static void read_store(const TestStore *test) {
    g_autoptr(GBytes) bytes = g_bytes_new_static(test->bytes, test->layout->length);
    g_autoptr(Store) store = store_read_flash(bytes, test->layout->length);

    check(store);
    complete_write(store->bytes);
    write_store(store);
}

/* PLACE_RECORDS: behind one large dead record, near the end of the store. */
static void fill_store(TestStore *test, guint32 end) {
    const guint32 at = test_store_add(test, 0x3c, TEST_OTHER, "x", "", 0);

    test_store_set_u32(test, at + (test->is_authenticated ? 40 : 12), end - test->end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const guint8 mode = size > 0 ? data[0] : 0;
    TestStore *test = get_store((mode >> 2) % VOLUME_N_LAYOUTS, (mode & 0x80) == 0);
    const guint32 place = find_place(test, (Place)(mode & 3));
    const guint32 first = test->end;
    g_autofree guint8 *head = g_memdup2(test->bytes, SIZE);
    g_autofree guint8 *there = g_memdup2(test->bytes + place, SIZE);

    if ((mode & 3) == PLACE_RECORDS)
        fill_store(test, place);
    if (size > 1)
        memcpy(test->bytes + place, data + 1, MIN(size - 1, SIZE));
    read_store(test);

    memcpy(test->bytes + place, there, SIZE);
    memcpy(test->bytes, head, SIZE);
    test->end = first;
    return 0;
}
