/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "util-vm.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vm/policy.h"
#include "vm/vm-backups.h"
#include "vm/vm-ops.h"

TestVM test_vm_new(TestDir *root) {
    static const char *const no_features[] = {NULL};
    TestVM f = {.root = root, .state = test_dir_new(), .digests = digest_cache_new()};

    f.store = test_store(f.state);
    f.op = VM_OP_INIT;
    f.op.store = f.store;
    f.op.digests = f.digests;
    f.op.owner = test_owner();
    f.op.new_owner = test_owner();
    f.op.id = g_strdup("a");
    f.op.host_features = g_strdupv((GStrv)no_features);
    test_vm_reload(&f);
    return f;
}

void test_vm_clear(TestVM *f) {
    vm_op_clear(&f->op);
    vmstore_free(f->store);
    digest_cache_free(f->digests);
    test_dir_free(f->state);
    test_dir_free(f->root);
}

void test_vm_reload(TestVM *f) {
    g_clear_pointer(&f->op.catalog, catalog_unref);
    f->op.file = NULL;
    f->op.catalog = test_catalog(f->root);
}

void test_vm_ask(TestVM *f, RequestCall call, const char *architecture, const char *machine) {
    g_autoptr(GError) error = NULL;

    g_clear_pointer(&f->op.request, request_free);
    f->op.request = request_new(call, architecture, machine, &error);
    g_assert_no_error(error);
    f->op.file = NULL;
    f->op.max_size = 0;
}

static void set(TestVM *f, const char *key, const RequestValue *value) {
    g_autoptr(GError) error = NULL;

    g_assert_true(request_set(f->op.request, key, value, &error));
    g_assert_no_error(error);
}

void test_vm_set(TestVM *f, const char *key, const char *value) {
    const RequestValue string = {.type = REQUEST_VALUE_STRING, .string = value};

    set(f, key, &string);
}

void test_vm_set_flag(TestVM *f, const char *key) {
    static const RequestValue yes = {.type = REQUEST_VALUE_BOOLEAN, .boolean = TRUE};

    set(f, key, &yes);
}

void test_vm_set_pin(TestVM *f, const Pin *pin) {
    Pin *kept = pin ? pin_ref(pin) : NULL;

    pin_unref(f->op.pin);
    f->op.pin = kept;
}

TestVM test_vm_new_prepared(TestDir *root) {
    static const PolicyFacts no_limits = {};
    g_auto(VMResult) result = VM_RESULT_INIT;
    g_autoptr(GError) error = NULL;
    TestVM f;

    test_describe(
            root, "vendor/10-a.json", "mapping",
            "{'device': 'flash', 'executable': {'filename': '/code.fd', 'format': 'raw'},"
            " 'nvram-template': {'filename': '/vars.fd', 'format': 'raw'}}",
            NULL);
    f = test_vm_new(root);
    test_vm_ask(&f, REQUEST_CALL_PREPARE, "x86_64", "q35");
    g_assert_true(policy_prepare(&f.op, &no_limits, &error));
    g_assert_true(vm_op_create(&f.op, &result, &error));
    g_assert_no_error(error);
    test_vm_set_pin(&f, result.pin);
    return f;
}

void test_vm_assert_backups(TestVM *f, const char *expected) {
    g_auto(VMResult) result = VM_RESULT_INIT;
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);

    g_assert_true(vm_op_list_backups(&f->op, &result, NULL));
    for (guint i = 0; i < result.backups->len; i++) {
        const BackupReport *report = result.backups->pdata[i];

        g_ptr_array_add(
                words,
                g_strdup_printf(
                        "%u %s", report->backup.serial,
                        backup_reason_to_string(report->backup.reason)));
    }
    test_assert_joined_array(words, expected);
}

FileFd test_memfd(const char *text, gsize size) {
    FileFd fd = memfd_create("test", MFD_ALLOW_SEALING | MFD_CLOEXEC);

    g_assert_no_errno(fd);
    g_assert_cmpint(write(fd, text, strlen(text)), ==, (gssize)strlen(text));
    g_assert_no_errno(ftruncate(fd, (off_t)size));
    g_assert_no_errno(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK));
    return fd;
}
