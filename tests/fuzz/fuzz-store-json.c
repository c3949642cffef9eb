/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A JSON store. */

#include "base/text.h"
#include "fuzz.h"
#include "uefi/store.h"

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
    return 0;
}
