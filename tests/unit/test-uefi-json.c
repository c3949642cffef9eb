/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include "util-uefi.h"
#include "util.h"

static Store *read_text(const char *text) {
    g_autoptr(GBytes) bytes = g_bytes_new_static(text, strlen(text));

    return store_read_json(bytes);
}

#define VARIABLE(guid, name, rest) "{\"guid\": \"" guid "\", \"name\": \"" name "\"" rest "}"
#define STORE(variables) "{\"version\": 2, \"variables\": [" variables "]}"

static void a_store_as_qemu_writes_it(void) {
    g_autoptr(Store) store = read_text(
            STORE(VARIABLE(TEST_GLOBAL, "Lang", ", \"attr\": 7, \"data\": \"656e67\"") "," VARIABLE(
                    TEST_GLOBAL, "PK",
                    ", \"attr\": 39, \"data\": \"00FF\","
                    " \"time\": \"da070101000000000000000000000000\", \"digest\": \"0011\"")));
    g_autofree char *lang = test_store_lookup(store, TEST_GLOBAL, "Lang");
    const StoreVariable *key = store->variables->pdata[1];
    g_autofree char *time = efi_time_to_text(key->time);

    g_assert_cmpint(store->kind, ==, STORE_KIND_QEMU_JSON);
    g_assert_cmpint(store->health, ==, STORE_HEALTH_OK);
    g_assert_true(store->is_readable);
    g_assert_cmpuint(store->variables->len, ==, 2);
    g_assert_cmpstr(lang, ==, "eng");
    g_assert_cmpuint(key->attributes, ==, 0x27);
    g_assert_cmpmem(g_bytes_get_data(key->data, NULL), g_bytes_get_size(key->data), "\0\xff", 2);
    g_assert_cmpstr(time, ==, "2010-01-01T00:00:00Z");
    /* name with NUL in UCS-2, data and digest of each; QEMU counts 96 bytes besides */
    g_assert_cmpuint(store->live, ==, 96 + 10 + 3 + 96 + 6 + 2 + 2);
    g_assert_cmpuint(store->free, ==, 256 * 1024 - store->live);
}

static void an_empty_file_is_a_store(void) {
    g_autoptr(Store) store = read_text("");

    g_assert_cmpint(store->kind, ==, STORE_KIND_QEMU_JSON);
    g_assert_cmpint(store->health, ==, STORE_HEALTH_EMPTY);
    g_assert_true(store->is_readable);
    g_assert_cmpuint(store->free, ==, 256 * 1024);
}

static void identities(void) {
    g_autoptr(Store) store = read_text(STORE(
            VARIABLE(TEST_GLOBAL, "db", ", \"attr\": 7, \"data\": \"\"") "," VARIABLE(TEST_GLOBAL, "db", ", \"attr\": 7, \"data\": \"31\"") "," VARIABLE(
                    TEST_OTHER, "db",
                    ", \"attr\": 7, \"data\": \"32\"") "," VARIABLE(TEST_GLOBAL, "db", ", \"attr\": 7, \"data\": \"33\"")));
    g_autofree char *first = test_store_lookup(store, TEST_GLOBAL, "db");
    g_autofree char *other = test_store_lookup(store, TEST_OTHER, "db");

    g_assert_cmpuint(store->variables->len, ==, 2);
    g_assert_cmpstr(first, ==, "1");
    g_assert_cmpstr(other, ==, "2");
    g_assert_cmpuint(store->dead, ==, 2 * (96 + 6) + 1);
}

/* QEMU empties the file, and then writes it. */
static void torn_at_every_byte(void) {
    static const char text[] =
            STORE(VARIABLE(TEST_GLOBAL, "Lang", ", \"attr\": 7, \"data\": \"656e67\""));

    for (gsize size = 1; size < strlen(text); size++) {
        g_autoptr(GBytes) bytes = g_bytes_new(text, size);
        g_autoptr(Store) store = store_read_json(bytes);

        g_assert_cmpint(store->health, ==, STORE_HEALTH_DAMAGED);
        g_assert_nonnull(store->detail);
        g_assert_false(store->is_readable);
    }
}

static void what_is_wrong_has_its_place(void) {
    static const struct {
        const char *text;
        const char *detail;
    } stores[] = {
            {"[]", "not an object"},
            {"   ", "not an object"},
            {"{\"variables\": []}", "/version: not a version"},
            {"{\"version\": \"2\", \"variables\": []}", "/version: not a version"},
            {"{\"version\": 2}", "/variables: not a list"},
            {"{\"version\": 2, \"variables\": {}}", "/variables: not a list"},
            {STORE("1"), "/variables/0: not an object"},
            {STORE("{}"), "/variables/0/guid: not a GUID"},
            {STORE(VARIABLE("1", "n", "")), "/variables/0/guid: not a GUID"},
            {STORE(VARIABLE(TEST_OTHER, "", "")), "/variables/0/name: not a name"},
            {STORE(VARIABLE(TEST_OTHER, "n", "")), "/variables/0/attr: not attributes"},
            {STORE(VARIABLE(TEST_OTHER, "n", ", \"attr\": -1")),
             "/variables/0/attr: not attributes"},
            {STORE(VARIABLE(TEST_OTHER, "n", ", \"attr\": 4294967296")),
             "/variables/0/attr: not attributes"},
            {STORE(VARIABLE(TEST_OTHER, "n", ", \"attr\": 7.5")),
             "/variables/0/attr: not attributes"},
            {STORE(VARIABLE(TEST_OTHER, "n", ", \"attr\": 7")),
             "/variables/0/data: not bytes in hexadecimal digits"},
            {STORE(VARIABLE(TEST_OTHER, "n", ", \"attr\": 7, \"data\": \"123\"")),
             "/variables/0/data: not bytes in hexadecimal digits"},
            {STORE(VARIABLE(TEST_OTHER, "n", ", \"attr\": 7, \"data\": \"1g\"")),
             "/variables/0/data: not bytes in hexadecimal digits"},
            {STORE(VARIABLE(TEST_OTHER, "n", ", \"attr\": 7, \"data\": \"31\"") ", null"),
             "/variables/1: not an object"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(stores); i++) {
        g_autoptr(Store) store = read_text(stores[i].text);

        g_assert_cmpint(store->health, ==, STORE_HEALTH_DAMAGED);
        g_assert_cmpstr(store->detail, ==, stores[i].detail);
    }
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(a_store_as_qemu_writes_it),
            TEST_CASE(an_empty_file_is_a_store),
            TEST_CASE(identities),
            TEST_CASE(torn_at_every_byte),
            TEST_CASE(what_is_wrong_has_its_place),
    };

    return test_main(argc, argv, "uefi-json", cases, G_N_ELEMENTS(cases));
}
