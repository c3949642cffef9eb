/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "util-uefi.h"

#include <string.h>

/* -- flash stores ----------------------------------------------------------------------- */

void test_store_set_u16(TestStore *store, guint32 offset, guint16 value) {
    value = GUINT16_TO_LE(value);
    memcpy(store->bytes + offset, &value, sizeof value);
}

void test_store_set_u32(TestStore *store, guint32 offset, guint32 value) {
    value = GUINT32_TO_LE(value);
    memcpy(store->bytes + offset, &value, sizeof value);
}

void test_store_set_u64(TestStore *store, guint32 offset, guint64 value) {
    value = GUINT64_TO_LE(value);
    memcpy(store->bytes + offset, &value, sizeof value);
}

static EfiGuid parse_guid(const char *text) {
    EfiGuid guid;

    g_assert_true(efi_guid_parse(text, &guid));
    return guid;
}

void test_store_set_guid(TestStore *store, guint32 offset, const char *text) {
    const EfiGuid guid = parse_guid(text);

    memcpy(store->bytes + offset, guid.bytes, sizeof guid.bytes);
}

void test_store_set_checksum(TestStore *store) {
    guint16 sum = 0;

    test_store_set_u16(store, 50, 0);
    for (guint i = 0; i < 0x48; i += 2)
        sum = (guint16)(sum + efi_u16(store->bytes + i));
    test_store_set_u16(store, 50, (guint16)-sum);
}

/* As the firmwares of Debian make it: their checksums are these. */
static void make_working_header(TestStore *store) {
    const guint32 at = store->layout->working;

    test_store_set_guid(store, at, "9e58292b-7c68-497d-a0ce-6500fd9f1b95");
    test_store_set_u32(
            store, at + 16, store->layout->working_size == 0x1000 ? 0x642caf2c : 0x86c6e75b);
    store->bytes[at + 20] = 0xfe;
    test_store_set_u64(store, at + 24, store->layout->working_size - 32);
}

TestStore *test_store_new(guint32 length, gboolean is_authenticated) {
    TestStore *store = g_new0(TestStore, 1);

    store->layout = volume_find_layout(length);
    store->is_authenticated = is_authenticated;
    g_assert_nonnull(store->layout);
    store->bytes = g_malloc(length);
    memset(store->bytes, 0xff, length);

    memset(store->bytes, 0, 0x48);
    test_store_set_guid(store, 16, "fff12b8d-7696-4c8b-a985-2747075b4f50");
    test_store_set_u64(store, 32, length);
    memcpy(store->bytes + 40, "_FVH", 4);
    test_store_set_u32(store, 44, 0x4feff);
    test_store_set_u16(store, 48, 0x48);
    store->bytes[55] = 2;
    test_store_set_u32(store, 56, length / store->layout->block);
    test_store_set_u32(store, 60, store->layout->block);
    test_store_set_checksum(store);

    test_store_set_guid(
            store, 0x48,
            is_authenticated ? "aaf32c78-947b-439a-a180-2e144ec37792"
                             : "ddcf3616-3275-4164-98b6-fe85707ffe7d");
    test_store_set_u32(store, 0x48 + 16, store->layout->variables - 0x48);
    store->bytes[0x48 + 20] = 0x5a;
    store->bytes[0x48 + 21] = 0xfe;
    memset(store->bytes + 0x48 + 22, 0, 6);
    make_working_header(store);
    store->end = 0x64;
    return store;
}

void test_store_free(TestStore *store) {
    if (!store)
        return;
    g_free(store->bytes);
    g_free(store);
}

guint32 test_store_add(
        TestStore *store, guint8 state, const char *guid, const char *name, gconstpointer data,
        gsize size) {
    const guint32 at = store->end;
    const guint32 sizes = at + (store->is_authenticated ? 36 : 8);
    const guint32 name_size = 2 * ((guint32)strlen(name) + 1);
    guint32 end = at + (store->is_authenticated ? 60 : 32);

    memset(store->bytes + at, 0, end - at);
    test_store_set_u16(store, at, 0x55aa);
    store->bytes[at + 2] = state;
    test_store_set_u32(store, at + 4, 7);
    test_store_set_u32(store, sizes, name_size);
    test_store_set_u32(store, sizes + 4, (guint32)size);
    test_store_set_guid(store, sizes + 8, guid);
    for (guint32 i = 0; i < name_size / 2; i++, end += 2)
        test_store_set_u16(store, end, (guint8)name[i]);
    memcpy(store->bytes + end, data, size);
    store->end = (guint32)(end + size + 3) / 4 * 4;
    return at;
}

guint32 test_store_queue_write(
        TestStore *store, guint8 header_bits, guint8 record_bits, guint64 lba, guint64 offset,
        guint64 size) {
    guint32 at = store->layout->working + 32;

    while (store->bytes[at] != 0xff)
        at += 80;
    store->bytes[at] = (guint8)~header_bits;
    test_store_set_u64(store, at + 24, 1);
    test_store_set_u64(store, at + 32, 0);
    store->bytes[at + 40] = (guint8)~record_bits;
    test_store_set_u64(store, at + 48, lba);
    test_store_set_u64(store, at + 56, offset);
    test_store_set_u64(store, at + 64, size);
    test_store_set_u64(store, at + 72, lba * store->layout->block - store->layout->spare);
    return at + 40;
}

Store *test_store_read(const TestStore *store) {
    g_autoptr(GBytes) bytes = g_bytes_new(store->bytes, store->layout->length);

    return store_read_flash(bytes, store->layout->length);
}

char *test_store_lookup(const Store *store, const char *guid, const char *name) {
    const EfiGuid parsed = parse_guid(guid);
    const StoreVariable *variable = store_find(store, &parsed, name);
    gsize size;
    const char *data;

    if (!variable)
        return NULL;
    data = g_bytes_get_data(variable->data, &size);
    return g_strndup(data, size);
}
