/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A JSON store. */

#include "base/text.h"
#include "fuzz.h"
#include "uefi/store-write.h"

/* A store that can be changed has the same variables after it was written. */
static void write_store(const Store *store) {
    g_autoptr(Store) copy = store_new_writable(store, NULL);
    g_autoptr(GBytes) bytes = copy ? store_write(copy, NULL) : NULL;
    g_autoptr(Store) again = bytes ? store_read_json(bytes) : NULL;

    if (!copy)
        return;
    g_assert_nonnull(again);
    g_assert_cmpint(again->health, ==, STORE_HEALTH_OK);
    g_assert_cmpuint(again->variables->len, ==, copy->variables->len);
    for (guint i = 0; i < again->variables->len; i++) {
        const StoreVariable *before = copy->variables->pdata[i],
                            *after = again->variables->pdata[i];

        g_assert_cmpstr(before->name, ==, after->name);
        g_assert_true(g_bytes_equal(before->origin, after->origin));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    g_autoptr(GBytes) json = g_bytes_new(data, size);
    g_autoptr(Store) store = store_read_json(json);

    g_assert_true((store->health == STORE_HEALTH_OK) == (store->detail == NULL));
    g_assert_true(!store->detail || text_is_valid(store->detail));
    for (guint i = 0; i < store->variables->len; i++) {
        const StoreVariable *variable = store->variables->pdata[i];

        g_assert_true(text_is_valid(variable->name));
        g_assert_cmpuint(g_bytes_get_size(variable->data), >, 0);
        g_assert_true(store_find(store, &variable->guid, variable->name) == variable);
    }
    write_store(store);
    return 0;
}
