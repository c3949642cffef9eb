/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Changes of Secure Boot, boot entries and other variables. */

#include <string.h>

#include "base/error.h"
#include "uefi/key-data.h"
#include "uefi/report.h"
#include "uefi/store-write.h"
#include "util-certificate.h"
#include "util-change.h"
#include "util-uefi.h"
#include "util.h"

/* -- unenroll, secure-boot -------------------------------------------------------------- */

static void unenrol(void) {
    g_auto(TestChange) f = {};
    g_autoptr(ChangeResult) result = NULL;
    g_autoptr(GBytes) lists = g_byte_array_free_to_bytes(test_change_lists());
    g_autofree char *digest = test_change_digest('b');
    g_autofree char *upper = g_ascii_strup(digest, -1);
    g_autofree char *text = g_strdup_printf(
            "{'do': <'unenroll'>, 'from': <'dbx'>, 'sha256': <['%s', "
            "'0100000000000000000000000000000000000000000000000000000000000000']>}",
            upper);

    test_change_begin_enrolled(&f, "");
    test_change_add(&f, "{'do': <'enroll'>, 'into': <'dbx'>}", lists);
    test_change_add(&f, text, NULL);
    result = test_change_apply(&f);
    test_change_assert_keys(&f, "dbx", "#");
    g_clear_pointer(&result, change_result_free);

    /* no entry, no variable */
    test_change_add(&f, "{'do': <'unenroll'>, 'from': <'dbx'>, 'all': <true>}", NULL);
    test_change_add(&f, "{'do': <'unenroll'>, 'from': <'dbx'>, 'all': <true>}", NULL);
    result = test_change_apply(&f);
    test_change_assert_keys(&f, "dbx", NULL);

    test_change_add(&f, text, NULL);
    test_change_fail(&f, FIRMWARE_ERROR_INVALID_ARGS, digest);
    test_change_add(&f, "{'do': <'unenroll'>, 'from': <'db'>}", NULL);
    test_change_fail(&f, FIRMWARE_ERROR_INVALID_ARGS, "either sha256 or all");
    test_change_add(&f, "{'do': <'unenroll'>, 'from': <'db'>, 'sha256': <['12']>}", NULL);
    test_change_fail(&f, FIRMWARE_ERROR_INVALID_ARGS, "\"12\" has not 64");
}

static void assert_secure_boot(const TestChange *f, SecureBoot expected) {
    g_autoptr(StoreReport) report = store_report_new(f->store, f->known);

    g_assert_cmpint(report->secure_boot, ==, expected);
}

static void setup_mode(void) {
    g_auto(TestChange) f = {};
    g_autoptr(ChangeResult) result = NULL;

    test_change_begin_enrolled(&f, "");
    assert_secure_boot(&f, SECURE_BOOT_ENFORCED);
    test_change_add(&f, "{'do': <'unenroll'>, 'from': <'PK'>, 'all': <true>}", NULL);
    result = test_change_apply(&f);
    test_change_assert_keys(&f, "PK", NULL);
    g_assert_null(test_change_find(&f, TEST_SECURE_BOOT_ENABLE, "SecureBootEnable"));
    assert_secure_boot(&f, SECURE_BOOT_SETUP);
    g_assert_true(result->pcr7);
    g_clear_pointer(&result, change_result_free);

    test_change_add(&f, "{'do': <'secure-boot'>, 'on': <false>}", NULL);
    result = test_change_apply(&f);
    g_assert_cmpuint(result->notes->len, ==, 0);
    test_change_add(&f, "{'do': <'secure-boot'>, 'on': <true>}", NULL);
    test_change_fail(&f, FIRMWARE_ERROR_INVALID_ARGS, "there is no platform key");
}

static void secure_boot(void) {
    g_auto(TestChange) f = {};
    g_autoptr(ChangeResult) result = NULL;

    test_change_begin_enrolled(&f, "");
    test_change_add(&f, "{'do': <'secure-boot'>, 'on': <false>}", NULL);
    result = test_change_apply(&f);
    assert_secure_boot(&f, SECURE_BOOT_OFF);
    g_assert_true(result->pcr7);
    g_assert_cmpuint(
            test_change_find(&f, TEST_SECURE_BOOT_ENABLE, "SecureBootEnable")->attributes, ==, 3);
    g_clear_pointer(&result, change_result_free);
    test_change_add(&f, "{'do': <'secure-boot'>, 'on': <true>}", NULL);
    result = test_change_apply(&f);
    assert_secure_boot(&f, SECURE_BOOT_ENFORCED);
}

/* -- boot entries ----------------------------------------------------------------------- */

/* A path of one node and the end. */
static void put_entry(TestChange *f, const char *name, gconstpointer node, gsize size) {
    g_autoptr(GByteArray) entry = g_byte_array_new();
    guint8 header[6] = {1};
    g_autoptr(GBytes) data = NULL;

    efi_put_u16(header + 4, (guint16)(size + 4));
    g_byte_array_append(entry, header, sizeof header);
    g_byte_array_append(entry, (const guint8 *)"t\0\0\0", 4);
    g_byte_array_append(entry, node, (guint)size);
    g_byte_array_append(entry, (const guint8 *)"\x7f\xff\x04\0", 4);
    data = g_bytes_new(entry->data, entry->len);
    store_set(f->store, &efi_global_guid, name, 7, data);
}

static void put_value(
        TestChange *f, const char *guid, const char *name, gconstpointer data, gsize size) {
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    EfiGuid parsed;

    g_assert_true(efi_guid_parse(guid, &parsed));
    store_set(f->store, &parsed, name, 7, bytes);
}

/* Boot0000 names a network card, Boot0001 a file, Boot000A a PCI device; the order is A, 0, 1. */
static void begin_boot(TestChange *f) {
    static const guint8 mac[37] = {3, 11, 37, 0, 0x52, 0x54, 0, 0xab, 0x34, 0x56, [36] = 1};
    static const guint8 file[] = {4, 4, 8, 0, 'f', 0, 0, 0};
    static const guint8 pci[] = {1, 1, 6, 0, 0, 2};

    test_change_begin(f, store_new_flash(TEST_LENGTH_4M), "");
    put_entry(f, "Boot0000", mac, sizeof mac);
    put_entry(f, "Boot0001", file, sizeof file);
    put_entry(f, "Boot000A", pci, sizeof pci);
    put_value(f, TEST_GLOBAL, "BootOrder", "\x0a\0\0\0\1", 6);
    put_value(f, TEST_GLOBAL, "BootNext", "\0", 2);
    put_value(f, TEST_OTHER, "525400AB3456", "1", 1);
    put_value(f, TEST_OTHER, "525400ab3456\\0001", "1", 1);
    put_value(f, TEST_OTHER, "525400AB3457", "1", 1);
    put_value(f, TEST_OTHER, "Boot0000", "1", 1);
}

static void assert_order(const TestChange *f, gconstpointer expected, gsize size) {
    const StoreVariable *variable = test_change_find(f, TEST_GLOBAL, "BootOrder");
    gsize actual_size;
    gconstpointer actual;

    if (!expected) {
        g_assert_null(variable);
        return;
    }
    actual = g_bytes_get_data(variable->data, &actual_size);
    g_assert_cmpmem(actual, actual_size, expected, size);
}

static void add_numbers(
        TestChange *f, const char *kind, const char *key, const guint16 *numbers, gsize n) {
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "do", "s", kind);
    g_variant_dict_insert_value(
            &dict, key,
            g_variant_new_fixed_array(G_VARIANT_TYPE_UINT16, numbers, n, sizeof *numbers));
    g_variant_builder_add_value(&f->changes, g_variant_dict_end(&dict));
}

static void boot_order(void) {
    g_auto(TestChange) f = {};
    g_autoptr(ChangeResult) result = NULL;

    begin_boot(&f);
    test_change_add(&f, "{'do': <'boot-order'>, 'order': <[uint16 1, 10]>}", NULL);
    result = test_change_apply(&f);
    assert_order(&f, "\1\0\x0a", 4);
    g_assert_false(result->pcr7);
    g_clear_pointer(&result, change_result_free);
    test_change_add(&f, "{'do': <'boot-order'>, 'order': <@aq []>}", NULL);
    result = test_change_apply(&f);
    assert_order(&f, NULL, 0);
    test_change_add(&f, "{'do': <'boot-order'>, 'order': <[uint16 2]>}", NULL);
    test_change_fail(&f, FIRMWARE_ERROR_INVALID_ARGS, "no boot entry Boot0002");
    test_change_add(&f, "{'do': <'boot-order'>, 'order': <[uint16 1, 1]>}", NULL);
    test_change_fail(&f, FIRMWARE_ERROR_INVALID_ARGS, "Boot0001 twice");
}

/* As many as fit into one call; the first that does not exist is reported. */
static void the_longest_orders(void) {
    g_auto(TestChange) f = {};
    g_autofree guint16 *numbers = g_new(guint16, BOOT_MAX_ENTRIES);

    for (guint i = 0; i < BOOT_MAX_ENTRIES; i++)
        numbers[i] = (guint16)i;
    begin_boot(&f);
    for (guint i = 0; i < CHANGE_MAX_CHANGES; i++)
        add_numbers(&f, "boot-order", "order", numbers, BOOT_MAX_ENTRIES);
    test_change_fail(&f, FIRMWARE_ERROR_INVALID_ARGS, "order: there is no boot entry Boot0002");
    numbers[BOOT_MAX_ENTRIES - 1] = 0;
    add_numbers(&f, "boot-order", "order", numbers, BOOT_MAX_ENTRIES);
    test_change_fail(&f, FIRMWARE_ERROR_INVALID_ARGS, "change 1: order: has Boot0000 twice");
}

static void remove_by_number(void) {
    g_auto(TestChange) f = {};
    g_autoptr(ChangeResult) result = NULL;

    begin_boot(&f);
    test_change_add(&f, "{'do': <'remove-boot'>, 'numbers': <[uint16 0]>}", NULL);
    result = test_change_apply(&f);
    g_assert_null(test_change_find(&f, TEST_GLOBAL, "Boot0000"));
    g_assert_null(test_change_find(&f, TEST_GLOBAL, "BootNext"));
    g_assert_null(test_change_find(&f, TEST_OTHER, "525400AB3456"));
    g_assert_null(test_change_find(&f, TEST_OTHER, "525400ab3456\\0001"));
    g_assert_nonnull(test_change_find(&f, TEST_OTHER, "525400AB3457"));
    g_assert_nonnull(test_change_find(&f, TEST_OTHER, "Boot0000"));
    assert_order(&f, "\x0a\0\1", 4);
    test_change_add(&f, "{'do': <'remove-boot'>, 'numbers': <[uint16 0]>}", NULL);
    test_change_fail(&f, FIRMWARE_ERROR_NO_SUCH_VARIABLE, "no boot entry Boot0000");
    test_change_add(&f, "{'do': <'remove-boot'>, 'bound': <false>}", NULL);
    test_change_fail(&f, FIRMWARE_ERROR_INVALID_ARGS, "one of numbers, bound and all");
    test_change_add(&f, "{'do': <'remove-boot'>, 'bound': <true>, 'all': <true>}", NULL);
    test_change_fail(&f, FIRMWARE_ERROR_INVALID_ARGS, "one of numbers, bound and all");
}

static void remove_bound_and_all(void) {
    g_auto(TestChange) f = {};
    g_autoptr(ChangeResult) result = NULL;

    begin_boot(&f);
    test_change_add(&f, "{'do': <'remove-boot'>, 'bound': <true>}", NULL);
    result = test_change_apply(&f);
    assert_order(&f, "\1", 2);
    g_assert_nonnull(test_change_find(&f, TEST_GLOBAL, "Boot0001"));
    g_assert_null(test_change_find(&f, TEST_GLOBAL, "Boot000A"));
    g_clear_pointer(&result, change_result_free);
    put_value(&f, TEST_GLOBAL, "BootOrder", "\1\0\7", 4);
    test_change_add(&f, "{'do': <'remove-boot'>, 'all': <true>}", NULL);
    result = test_change_apply(&f);
    assert_order(&f, NULL, 0);
    g_assert_null(test_change_find(&f, TEST_GLOBAL, "Boot0001"));
}

/* -- set, delete ------------------------------------------------------------------------ */

#define NAMED(kind, name) "{'do': <'" kind "'>, 'guid': <'" TEST_OTHER "'>, 'name': <'" name "'>"

static void set_and_delete(void) {
    g_auto(TestChange) f = {};
    g_autoptr(ChangeResult) result = NULL;
    g_autoptr(GBytes) data = g_bytes_new_static("1", 1);
    g_autoptr(GBytes) other = g_bytes_new_static("22", 2);

    test_change_begin(&f, store_new_flash(TEST_LENGTH_4M), "");
    test_change_add(&f, NAMED("set", "a") "}", data);
    test_change_add(&f, NAMED("set", "b") ", 'attributes': <uint32 3>}", data);
    test_change_add(&f, NAMED("set", "b") "}", other);
    test_change_add(&f, NAMED("set", "c") "}", data);
    test_change_add(&f, NAMED("delete", "c") "}", NULL);
    result = test_change_apply(&f);
    g_assert_cmpuint(test_change_find(&f, TEST_OTHER, "a")->attributes, ==, 7);
    g_assert_cmpuint(test_change_find(&f, TEST_OTHER, "b")->attributes, ==, 3);
    g_assert_true(g_bytes_equal(test_change_find(&f, TEST_OTHER, "b")->data, other));
    g_assert_null(test_change_find(&f, TEST_OTHER, "c"));
    g_assert_cmpuint(result->notes->len, ==, 2);
    g_assert_false(result->pcr7);
    test_change_add(&f, NAMED("delete", "c") "}", NULL);
    test_change_fail(&f, FIRMWARE_ERROR_NO_SUCH_VARIABLE, "no variable " TEST_OTHER "-c");
}

static void what_set_refuses(void) {
    static const struct {
        const char *change;
        const char *text;
    } all[] = {
            {NAMED("set", "a") ", 'attributes': <uint32 6>}", "attributes: 0x6"},
            {NAMED("set", "a") ", 'attributes': <uint32 5>}", "attributes: 0x5"},
            {NAMED("set", "a") ", 'attributes': <uint32 0x47>}", "0x40"},
            {NAMED("set", "a") ", 'attributes': <uint32 0x107>}", "bits that UEFI does not know"},
            {NAMED("set", "a") ", 'attributes': <7>}", "attributes: not of D-Bus type u"},
            {NAMED("set", "") "}", "name: 0 characters"},
            {NAMED("set", "a") ", 'x': <1>}", "x: unknown key"},
            {"{'do': <'set'>, 'guid': <'1'>, 'name': <'a'>}", "guid: not a GUID"},
            {"{'do': <'set'>, 'name': <'a'>}", "guid: missing"},
            {"{'do': <'set'>, 'guid': <'" TEST_GLOBAL "'>, 'name': <'PK'>}",
             "PK is changed by enroll"},
            {"{'do': <'delete'>, 'guid': <'" TEST_IMAGE_SECURITY "'>, 'name': <'dbx'>}",
             "dbx is changed by enroll"},
            {"{'do': <'sett'>}", "\"sett\" is none of enroll"},
            {"{'do': <1>}", "do: not of D-Bus type s"},
            {"@a{sv} {}", "do: missing"},
    };
    g_autoptr(GBytes) data = g_bytes_new_static("1", 1);
    g_autoptr(GBytes) empty = g_bytes_new_static("", 0);

    for (gsize i = 0; i < G_N_ELEMENTS(all); i++) {
        g_auto(TestChange) f = {};

        test_change_begin(&f, store_new_flash(TEST_LENGTH_4M), "");
        test_change_add(&f, all[i].change, strstr(all[i].change, "'set'") ? data : NULL);
        test_change_fail(&f, FIRMWARE_ERROR_INVALID_ARGS, all[i].text);
    }
    {
        g_auto(TestChange) f = {};
        g_autofree char *name = g_strnfill(256, 'n');
        g_autofree char *change = g_strdup_printf(
                "{'do': <'set'>, 'guid': <'" TEST_OTHER "'>, 'name': <'%s'>}", name);

        test_change_begin(&f, store_new_flash(TEST_LENGTH_4M), "");
        test_change_add(&f, NAMED("set", "a") "}", empty);
        test_change_fail(&f, FIRMWARE_ERROR_INVALID_ARGS, "data: empty");
        test_change_add(&f, change, data);
        test_change_fail(&f, FIRMWARE_ERROR_INVALID_ARGS, "name: 256 characters");
        test_change_fail(&f, FIRMWARE_ERROR_INVALID_ARGS, "changes: 0");
        for (guint i = 0; i < 65; i++)
            test_change_add(&f, "{'do': <'secure-boot'>, 'on': <false>}", NULL);
        test_change_fail(&f, FIRMWARE_ERROR_INVALID_ARGS, "changes: 65, and 1 to 64");
    }
}

/* Both sides of each limit; what is within it fails for another reason. */
static void the_limits_of_a_change(void) {
    static const struct {
        guint n;
        const char *text;
    } names[] = {
            {0, "names: 0 strings, and 1 to 64"}, {64, "no known certificate"}, {65, "names: 65"}};
    g_autoptr(GBytes) most = g_bytes_new_take(g_malloc0(KEY_DATA_MAX_SIZE), KEY_DATA_MAX_SIZE);
    g_autoptr(GBytes) more =
            g_bytes_new_take(g_malloc0(KEY_DATA_MAX_SIZE + 1), KEY_DATA_MAX_SIZE + 1);
    g_autofree guint16 *numbers = g_new0(guint16, CHANGE_MAX_NUMBERS + 1);
    g_autoptr(ChangeResult) result = NULL;
    g_auto(TestChange) f = {};

    test_change_begin(&f, store_new_flash(TEST_LENGTH_4M), "");
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GString) list = g_string_new("@as [");
        g_autofree char *change = NULL;

        for (guint j = 0; j < names[i].n; j++)
            g_string_append(list, j > 0 ? ", 'x'" : "'x'");
        change = g_strdup_printf("{'do': <'enroll-known'>, 'names': <%s]>}", list->str);
        test_change_add(&f, change, NULL);
        test_change_fail(&f, FIRMWARE_ERROR_INVALID_ARGS, names[i].text);
    }
    add_numbers(&f, "remove-boot", "numbers", numbers, CHANGE_MAX_NUMBERS);
    test_change_fail(&f, FIRMWARE_ERROR_NO_SUCH_VARIABLE, "there is no boot entry Boot0000");
    add_numbers(&f, "remove-boot", "numbers", numbers, CHANGE_MAX_NUMBERS + 1);
    test_change_fail(
            &f, FIRMWARE_ERROR_INVALID_ARGS, "numbers: 65537 numbers, and at most 65536 are taken");
    add_numbers(&f, "boot-order", "order", numbers, CHANGE_MAX_NUMBERS + 1);
    test_change_fail(
            &f, FIRMWARE_ERROR_INVALID_ARGS, "order: 65537 numbers, and at most 65536 are taken");
    test_change_add(&f, "{'do': <'enroll'>, 'into': <'db'>}", more);
    test_change_fail(
            &f, FIRMWARE_ERROR_INVALID_ARGS, "data: 1048577 bytes, and at most 1048576 are read");
    test_change_add(&f, "{'do': <'enroll'>, 'into': <'db'>}", most);
    test_change_fail(&f, FIRMWARE_ERROR_INVALID_ARGS, "data: neither a certificate");
    test_change_add(&f, NAMED("set", "a") "}", more);
    test_change_fail(
            &f, FIRMWARE_ERROR_INVALID_ARGS, "data: 1048577 bytes, and at most 1048576 are read");
    test_change_add(&f, NAMED("set", "a") "}", most);
    result = test_change_apply(&f);
}

/* D-Bus dictionaries can have a key twice. */
static void a_key_given_twice_is_refused(void) {
    static const char *const all[][2] = {
            {"{'do': <'enroll'>, 'into': <'db'>, 'into': <'db'>}", "change 1: into: given twice"},
            {"{'do': <'enroll'>, 'into': <'db'>, 'do': <'enroll'>}", "change 1: do: given twice"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(all); i++) {
        g_autofree char *text = g_strdup_printf("[%s]", all[i][0]);
        g_autoptr(GVariant) changes =
                g_variant_parse(G_VARIANT_TYPE("aa{sv}"), text, NULL, NULL, NULL);
        g_autoptr(GError) error = NULL;

        g_assert_nonnull(changes);
        g_assert_null(changes_read(changes, &error));
        g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_INVALID_ARGS);
        g_assert_cmpstr(error->message, ==, all[i][1]);
    }
}

/* Names like those of the keys with another GUID are other variables. */
static void identity_is_guid_and_name(void) {
    g_auto(TestChange) f = {};
    g_autoptr(ChangeResult) result = NULL;
    g_autoptr(GBytes) data = g_bytes_new_static("1", 1);

    test_change_begin_enrolled(&f, "");
    test_change_add(&f, NAMED("set", "PK") "}", data);
    result = test_change_apply(&f);
    test_change_assert_keys(&f, "PK", "p");
    g_assert_nonnull(test_change_find(&f, TEST_OTHER, "PK"));
    g_assert_false(result->pcr7);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(unenrol),
            TEST_CASE(setup_mode),
            TEST_CASE(secure_boot),
            TEST_CASE(boot_order),
            TEST_CASE(the_longest_orders),
            TEST_CASE(remove_by_number),
            TEST_CASE(remove_bound_and_all),
            TEST_CASE(set_and_delete),
            TEST_CASE(what_set_refuses),
            TEST_CASE(the_limits_of_a_change),
            TEST_CASE(a_key_given_twice_is_refused),
            TEST_CASE(identity_is_guid_and_name),
    };

    return test_main(argc, argv, "uefi-change", cases, G_N_ELEMENTS(cases));
}
