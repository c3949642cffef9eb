/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include "base/error.h"
#include "util-uefi.h"
#include "util-vm.h"
#include "vm/policy.h"
#include "vm/vm-ops.h"

/* Rebind with convert: the variables move with the VM. */

static const PolicyFacts no_limits = {};

static void write_bytes(const char *path, guint32 length, const char *name) {
    g_autoptr(TestStore) store = test_store_new(length, TRUE);
    g_autoptr(GError) error = NULL;

    if (name)
        test_store_add(store, TEST_ADDED, TEST_OTHER, name, name, strlen(name));
    g_assert_true(g_file_set_contents(path, (const char *)store->bytes, (gssize)length, &error));
    g_assert_no_error(error);
}

static void describe(TestDir *root, const char *name, guint32 length) {
    g_autofree char *vars = g_strdup_printf("%s/%s.fd", root, name);
    g_autofree char *file = g_strdup_printf("vendor/%s.json", name);
    g_autofree char *mapping = g_strdup_printf(
            "{'device': 'flash', 'executable': {'filename': '/code.fd', 'format': 'raw'},"
            " 'nvram-template': {'filename': '/%s.fd', 'format': 'raw'}}",
            name);

    write_bytes(vars, length, NULL);
    test_describe(root, file, "mapping", mapping, NULL);
}

static gboolean rebind(TestVM *f, gboolean resets, GError **error) {
    g_auto(VMResult) result = VM_RESULT_INIT;

    test_vm_ask(f, REQUEST_CALL_REBIND, NULL, NULL);
    test_vm_set(f, "firmware", "20-4m");
    test_vm_set_flag(f, "convert");
    if (resets)
        test_vm_set_flag(f, "reset");
    if (!policy_rebind(&f->op, &no_limits, error) || !vm_op_rebind(&f->op, &result, error))
        return FALSE;
    g_assert_false(result.is_created);
    test_vm_set_pin(f, result.pin);
    return TRUE;
}

static void variables_move_with_the_vm(void) {
    TestDir *root = test_layers_new();
    g_auto(TestVM) f = {};
    g_auto(VMResult) result = VM_RESULT_INIT;
    g_autoptr(GError) error = NULL;
    g_autoptr(Store) store = NULL;
    g_autoptr(GBytes) bytes = NULL;
    g_autofree char *path = NULL;
    g_autofree char *value = NULL;
    char *content;
    gsize size;

    describe(root, "10-2m", TEST_LENGTH_2M);
    describe(root, "20-4m", TEST_LENGTH_4M);
    f = test_vm_new(root);
    test_vm_ask(&f, REQUEST_CALL_PREPARE, "x86_64", "q35");
    g_assert_true(policy_prepare(&f.op, &no_limits, NULL));
    g_assert_true(vm_op_create(&f.op, &result, &error));
    test_vm_set_pin(&f, result.pin);
    path = vmstore_path(f.store, test_owner(), "a", "nvram.raw");
    write_bytes(path, TEST_LENGTH_2M, "Mine");

    g_assert_false(rebind(&f, TRUE, &error));
    g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_INVALID_ARGS);
    g_clear_error(&error);
    g_assert_true(rebind(&f, FALSE, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(f.op.pin->nvram_size, ==, TEST_LENGTH_4M);
    g_assert_true(g_file_get_contents(path, &content, &size, NULL));
    bytes = g_bytes_new_take(content, size);
    store = store_read_flash(bytes, size);
    value = test_store_lookup(store, TEST_OTHER, "Mine");
    g_assert_cmpstr(value, ==, "Mine");
    test_assert_entries(f.store, "a", "backup-1.raw, backups.json, lock, nvram.raw, pin.json");
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {TEST_CASE(variables_move_with_the_vm)};

    return test_main(argc, argv, "vm-convert", cases, G_N_ELEMENTS(cases));
}
