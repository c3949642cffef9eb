/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The data of a change that enrols keys: what is accepted comes back from its signature lists. */

#include "fuzz.h"
#include "uefi/key-data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) entries = key_data_read(bytes, &key_data_default_guid, &error);
    g_autoptr(GBytes) lists = entries ? siglist_write(entries) : NULL;
    g_autoptr(GPtrArray) again = NULL;
    gsize offset;

    g_assert_true((entries == NULL) == (error != NULL));
    if (!entries)
        return 0;
    g_assert_nonnull(lists);
    again = siglist_read(lists, &offset);
    g_assert_nonnull(again);
    g_assert_cmpuint(again->len, ==, entries->len);
    for (guint i = 0; i < again->len; i++) {
        const SiglistEntry *before = entries->pdata[i], *after = again->pdata[i];

        g_assert_true(efi_guid_equal(&before->type, &after->type));
        g_assert_true(g_bytes_equal(before->data, after->data));
    }
    return 0;
}
