/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/vm-ops.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "util-vm.h"
#include "vm/policy.h"
#include "vm/vm-condition.h"
#include "vm/vm-lock.h"

/* The operations on a VM's files: each is decided by its policy, and then run, as for a call. */

#define VARS_SIZE 4096

typedef gboolean (*Run)(const VMOp *op, VMResult *result, GError **error);

static const PolicyFacts no_limits = {};

static void describe(const char *root, const char *name, const char *code, const char *vars) {
    g_autofree char *file = g_strdup_printf("vendor/%s.json", name);
    g_autofree char *mapping = vars
            ? g_strdup_printf(
                      "{'device': 'flash', 'executable': {'filename': '/%s', 'format': 'raw'},"
                      " 'nvram-template': {'filename': '/%s', 'format': 'raw'}}",
                      code, vars)
            : g_strdup_printf(
                      "{'device': 'flash', 'mode': 'stateless',"
                      " 'executable': {'filename': '/%s', 'format': 'raw'}}",
                      code);

    test_describe(root, file, "mapping", mapping, NULL);
}

/* A guest cannot tell "10-a" from "20-b", whose code libvirt cannot name. "30-big" has more room
 * for variables, "40-none" keeps none. */
static TestVM fixture(void) {
    TestDir *root = test_layers_new();
    g_autofree char *template = g_strnfill(VARS_SIZE, 'T');

    test_write_text(root, "vars.fd", template);
    test_write_sparse(root, "big.fd", 2 * VARS_SIZE);
    test_write_sparse(root, "b\x01.fd", 8192);
    describe(root, "10-a", "code.fd", "vars.fd");
    describe(root, "20-b", "b\\u0001.fd", "vars.fd");
    describe(root, "30-big", "code.fd", "big.fd");
    describe(root, "40-none", "code.fd", NULL);
    return test_vm_new(root);
}

/* What the call did; the VM has the pin that it published. */
static VMResult done(TestVM *f, Policy policy, Run run) {
    g_autoptr(GError) error = NULL;
    VMResult result = VM_RESULT_INIT;
    gboolean is_done = policy(&f->op, &no_limits, &error) && run(&f->op, &result, &error);

    g_assert_no_error(error);
    g_assert_true(is_done);
    if (result.pin)
        test_vm_set_pin(f, result.pin);
    return result;
}

static void do_it(TestVM *f, Policy policy, Run run) {
    G_GNUC_UNUSED g_auto(VMResult) result = done(f, policy, run);
}

static void assert_fails(TestVM *f, Policy policy, Run run, FirmwareError code, const char *text) {
    g_autoptr(GError) error = NULL;
    g_auto(VMResult) result = VM_RESULT_INIT;

    g_assert_true(policy(&f->op, &no_limits, &error));
    g_assert_false(run(&f->op, &result, &error));
    g_assert_error(error, FIRMWARE_ERROR, (int)code);
    if (!strstr(error->message, text))
        g_error("\"%s\" is not in \"%s\"", text, error->message);
    g_assert_null(result.pin);
}

static void ask_to_prepare(TestVM *f) {
    test_vm_ask(f, REQUEST_CALL_PREPARE, "x86_64", "q35");
}

/* The VM "a", with the first firmware, and a guest's variables. */
static TestVM made(void) {
    TestVM f = fixture();
    g_autofree char *path = vmstore_path(f.store, test_owner(), "a", "nvram.raw");
    g_autofree char *content = g_strnfill(VARS_SIZE, 'g');

    ask_to_prepare(&f);
    do_it(&f, policy_prepare, vm_op_create);
    test_write_text("/", path, content);
    return f;
}

static void assert_nvram(TestVM *f, const char *id, const char *file, char filled_with) {
    g_autofree char *content = g_strnfill(VARS_SIZE, filled_with);

    test_assert_content(f->store, id, file, content);
}

static void remove_file(TestVM *f, const char *name) {
    g_autofree char *path = g_build_filename(f->root, name, NULL);

    g_assert_no_errno(g_unlink(path));
    test_vm_reload(f);
}

/* -- new VMs, and later starts ------------------------------------------------------------- */

static void a_new_vm_gets_pin_and_nvram(void) {
    g_auto(TestVM) f = fixture();
    g_auto(VMResult) result = VM_RESULT_INIT;

    ask_to_prepare(&f);
    result = done(&f, policy_prepare, vm_op_create);
    g_assert_true(result.is_created);
    g_assert_cmpstr(result.pin->resolution->name, ==, "10-a");
    g_assert_true(g_str_has_suffix(result.resolution->nvram_filename, "/a/nvram.raw"));
    g_assert_cmpint(result.lease, ==, FILE_FD_NONE);
    test_assert_entries(f.store, "a", "lock, nvram.raw, pin.json");
    assert_nvram(&f, "a", "nvram.raw", 'T');
    vm_read_result(&f.op, &result);
    g_assert_cmpuint(result.size, >, VARS_SIZE);
}

static void a_new_vm_may_come_with_its_lease(void) {
    g_auto(TestVM) f = fixture();
    g_auto(VMResult) result = VM_RESULT_INIT;

    ask_to_prepare(&f);
    test_vm_set_flag(&f, "lease");
    result = done(&f, policy_prepare, vm_op_create);
    g_assert_cmpint(result.lease, >=, 0);
    assert_fails(&f, policy_use, vm_op_acquire, FIRMWARE_ERROR_NVRAM_IN_USE, "a");
}

static void an_id_that_another_process_took_is_left_alone(void) {
    g_auto(TestVM) f = made();

    test_vm_set_pin(&f, NULL);
    ask_to_prepare(&f);
    assert_fails(&f, policy_prepare, vm_op_create, FIRMWARE_ERROR_VM_EXISTS, "a");
    assert_nvram(&f, "a", "nvram.raw", 'g');
    test_assert_entries(f.store, NULL, "a");
}

static void a_later_start_changes_nothing(void) {
    g_auto(TestVM) f = made();
    g_auto(VMResult) result = VM_RESULT_INIT;

    ask_to_prepare(&f);
    result = done(&f, policy_prepare, vm_op_prepare);
    g_assert_null(result.pin);
    g_assert_true(result.is_assessed);
    g_assert_cmpuint(result.differences, ==, 0);
    assert_nvram(&f, "a", "nvram.raw", 'g');
}

static void another_version_of_the_machine_is_recorded(void) {
    g_auto(TestVM) f = made();
    guint64 inode = test_inode(f.store, "a", "nvram.raw");
    g_auto(VMResult) result = VM_RESULT_INIT;

    test_vm_ask(&f, REQUEST_CALL_PREPARE, "x86_64", "pc-q35-7.2");
    result = done(&f, policy_prepare, vm_op_prepare);
    g_assert_cmpstr(result.pin->machine, ==, "pc-q35-7.2");
    g_assert_cmpuint(test_inode(f.store, "a", "nvram.raw"), ==, inode);
}

static void an_equivalent_stands_in_for_what_is_gone(void) {
    g_auto(TestVM) f = made();
    g_auto(VMResult) result = VM_RESULT_INIT;

    remove_file(&f, "code.fd");
    ask_to_prepare(&f);
    result = done(&f, policy_prepare, vm_op_prepare);
    g_assert_true(result.differences & VM_DIFFERENCE_REPLACED);
    g_assert_cmpstr(result.resolution->name, ==, "20-b");
    g_assert_true(g_str_has_suffix(result.resolution->nvram_filename, "/a/nvram.raw"));
}

static void what_stands_in_and_cannot_be_rendered_is_refused_first(void) {
    g_auto(TestVM) f = made();
    static const char *const libvirt[] = {"libvirt", NULL};
    static const RequestValue render = {.type = REQUEST_VALUE_STRINGS, .strings = libvirt};
    g_auto(VMResult) result = VM_RESULT_INIT;

    remove_file(&f, "code.fd");
    test_vm_ask(&f, REQUEST_CALL_PREPARE, "x86_64", "pc-q35-7.2");
    test_vm_set_flag(&f, "lease");
    g_assert_true(request_set(f.op.request, "render", &render, NULL));
    assert_fails(&f, policy_prepare, vm_op_prepare, FIRMWARE_ERROR_NOT_SUPPORTED, "libvirt");
    /* nothing was recorded, and nobody has the lease */
    test_vm_ask(&f, REQUEST_CALL_PREPARE, "x86_64", "pc-q35-7.2");
    test_vm_set_flag(&f, "lease");
    result = done(&f, policy_prepare, vm_op_prepare);
    g_assert_cmpint(result.lease, >=, 0);
}

static void firmware_without_an_equivalent_is_gone(void) {
    g_auto(TestVM) f = made();
    g_auto(VMResult) result = VM_RESULT_INIT;
    g_autoptr(GError) error = NULL;

    remove_file(&f, "code.fd");
    remove_file(&f, "b\x01.fd");
    ask_to_prepare(&f);
    g_assert_true(policy_prepare(&f.op, &no_limits, &error));
    g_assert_false(vm_op_prepare(&f.op, &result, &error));
    g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_FIRMWARE_GONE);
    /* news of the VM all the same */
    g_assert_true(result.is_assessed);
    g_assert_true(result.differences & VM_DIFFERENCE_GONE);
}

/* -- NVRAM --------------------------------------------------------------------------------- */

static void nvram_is_looked_at_each_time(void) {
    static const struct {
        guint64 size;
        FirmwareError code;
    } cases[] = {
            {0, FIRMWARE_ERROR_NVRAM_MISMATCH}, {VARS_SIZE * 2, FIRMWARE_ERROR_NVRAM_MISMATCH}};
    g_auto(TestVM) f = made();
    g_autofree char *path = vmstore_path(f.store, test_owner(), "a", "nvram.raw");

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_assert_no_errno(truncate(path, (off_t)cases[i].size));
        ask_to_prepare(&f);
        assert_fails(&f, policy_prepare, vm_op_prepare, cases[i].code, "was made with");
    }
    g_assert_no_errno(g_unlink(path));
    assert_fails(&f, policy_prepare, vm_op_prepare, FIRMWARE_ERROR_NVRAM_MISSING, "gone");
    test_vm_ask(&f, REQUEST_CALL_RESET, NULL, NULL);
    do_it(&f, policy_replace_nvram, vm_op_replace_nvram);
    assert_nvram(&f, "a", "nvram.raw", 'T');
    /* what was gone is no backup */
    test_assert_entries(f.store, "a", "lock, nvram.raw, pin.json");
}

static void what_is_replaced_becomes_a_backup(void) {
    g_auto(TestVM) f = made();
    guint64 inode = test_inode(f.store, "a", "nvram.raw");
    g_autofree char *sent = g_strnfill(VARS_SIZE, 's');

    test_vm_ask(&f, REQUEST_CALL_RESET, NULL, NULL);
    do_it(&f, policy_replace_nvram, vm_op_replace_nvram);
    assert_nvram(&f, "a", "nvram.raw", 'T');
    assert_nvram(&f, "a", "backup-1.raw", 'g');
    g_assert_cmpuint(test_inode(f.store, "a", "backup-1.raw"), ==, inode);

    test_vm_ask(&f, REQUEST_CALL_IMPORT, NULL, NULL);
    f.op.source = test_memfd(sent, VARS_SIZE);
    do_it(&f, policy_replace_nvram, vm_op_replace_nvram);
    assert_nvram(&f, "a", "nvram.raw", 's');
    assert_nvram(&f, "a", "backup-2.raw", 'T');
    assert_nvram(&f, "a", "backup-1.raw", 'g');
}

static void what_does_not_fit_replaces_nothing(void) {
    g_auto(TestVM) f = made();

    test_vm_ask(&f, REQUEST_CALL_IMPORT, NULL, NULL);
    f.op.source = test_memfd("s", VARS_SIZE + 512);
    assert_fails(
            &f, policy_replace_nvram, vm_op_replace_nvram, FIRMWARE_ERROR_NVRAM_MISMATCH, "4608");
    assert_nvram(&f, "a", "nvram.raw", 'g');
    test_assert_entries(f.store, "a", "lock, nvram.raw, pin.json");
    test_assert_entries(f.store, NULL, "a");
}

static void assert_writes_are_refused(TestVM *f) {
    static const struct {
        RequestCall call;
        Policy policy;
        Run run;
    } cases[] = {
            {REQUEST_CALL_RESET, policy_replace_nvram, vm_op_replace_nvram},
            {REQUEST_CALL_REBIND, policy_rebind, vm_op_rebind},
            {REQUEST_CALL_CLONE, policy_use, vm_op_clone},
            {REQUEST_CALL_EXPORT, policy_use, vm_op_export},
            {REQUEST_CALL_BARE, policy_use, vm_op_rename},
            {REQUEST_CALL_BARE, policy_use, vm_op_open_nvram},
            {REQUEST_CALL_BARE, policy_use, vm_op_acquire},
            {REQUEST_CALL_BARE, policy_remove, vm_op_remove},
    };

    g_assert_true(vm_is_in_use(f->store, test_owner(), "a"));
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        test_vm_ask(f, cases[i].call, NULL, NULL);
        assert_fails(f, cases[i].policy, cases[i].run, FIRMWARE_ERROR_NVRAM_IN_USE, "a");
    }
    test_assert_entries(f->store, NULL, "a");
    test_assert_entries(f->store, "a", "lock, nvram.raw, pin.json");
}

static void a_lease_stops_what_writes(void) {
    g_auto(TestVM) f = made();
    g_auto(VMResult) lease = VM_RESULT_INIT;

    f.op.new_id = g_strdup("b");
    g_assert_false(vm_is_in_use(f.store, test_owner(), "a"));
    lease = done(&f, policy_use, vm_op_acquire);
    assert_writes_are_refused(&f);
}

/* It writes: an OFD read lock on byte 101. */
static void a_qemu_without_a_lease_stops_what_writes(void) {
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 101, .l_len = 1};
    g_auto(TestVM) f = made();
    g_autofree char *path = vmstore_path(f.store, test_owner(), "a", "nvram.raw");
    g_auto(FileFd) qemu = open(path, O_RDWR | O_CLOEXEC);

    f.op.new_id = g_strdup("b");
    g_assert_no_errno(fcntl(qemu, F_OFD_SETLK, &lock));
    assert_writes_are_refused(&f);
    /* the guest is paused */
    test_vm_ask(&f, REQUEST_CALL_CLONE, NULL, NULL);
    test_vm_set_flag(&f, "live");
    do_it(&f, policy_use, vm_op_clone);
}

static gboolean may_write(const char *path) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 201, .l_len = 1};
    g_auto(FileFd) fd = open(path, O_RDWR | O_CLOEXEC);

    g_assert_no_errno(fcntl(fd, F_OFD_GETLK, &lock));
    return lock.l_type == F_UNLCK;
}

static void an_export_keeps_a_qemu_from_the_file_while_it_lasts(void) {
    g_auto(TestVM) f = made();
    g_autofree char *path = vmstore_path(f.store, test_owner(), "a", "nvram.raw");
    g_auto(VMResult) result = VM_RESULT_INIT;

    test_vm_ask(&f, REQUEST_CALL_EXPORT, NULL, NULL);
    result = done(&f, policy_use, vm_op_export);
    g_assert_false(may_write(path));
    vm_result_clear(&result);
    result = VM_RESULT_INIT;
    g_assert_true(may_write(path));
    test_vm_ask(&f, REQUEST_CALL_BARE, NULL, NULL);
    result = done(&f, policy_use, vm_op_acquire);
    g_assert_true(may_write(path));
}

static void nvram_is_opened_with_its_lease(void) {
    g_auto(TestVM) f = made();
    g_auto(VMResult) result = done(&f, policy_use, vm_op_open_nvram);

    g_assert_cmpint(fcntl(result.nvram, F_GETFL) & O_ACCMODE, ==, O_RDWR);
    assert_fails(&f, policy_use, vm_op_acquire, FIRMWARE_ERROR_NVRAM_IN_USE, "a");
}

static void exports_are_of_nvram_or_backup(void) {
    g_auto(TestVM) f = made();
    g_auto(VMResult) result = VM_RESULT_INIT;

    test_vm_ask(&f, REQUEST_CALL_EXPORT, NULL, NULL);
    result = done(&f, policy_use, vm_op_export);
    g_assert_cmpuint(result.nvram_size, ==, VARS_SIZE);
    g_assert_cmpint(result.lease, >=, 0);
    vm_result_clear(&result);
    result = VM_RESULT_INIT;
    test_vm_set_flag(&f, "backup");
    assert_fails(&f, policy_use, vm_op_export, FIRMWARE_ERROR_NVRAM_MISSING, "backup");
}

/* -- another firmware, another VM ------------------------------------------------------------ */

static void ask_to_rebind(TestVM *f, const char *firmware) {
    test_vm_ask(f, REQUEST_CALL_REBIND, NULL, NULL);
    test_vm_set(f, "firmware", firmware);
}

static void nvram_stays_where_it_fits(void) {
    g_auto(TestVM) f = made();
    guint64 inode = test_inode(f.store, "a", "nvram.raw");

    ask_to_rebind(&f, "20-b");
    do_it(&f, policy_rebind, vm_op_rebind);
    g_assert_cmpstr(f.op.pin->resolution->name, ==, "20-b");
    g_assert_cmpuint(test_inode(f.store, "a", "nvram.raw"), ==, inode);
}

static void nvram_that_does_not_fit_goes_when_that_is_asked_for(void) {
    g_auto(TestVM) f = made();

    ask_to_rebind(&f, "30-big");
    assert_fails(&f, policy_rebind, vm_op_rebind, FIRMWARE_ERROR_NVRAM_MISMATCH, "reset");
    ask_to_rebind(&f, "30-big");
    test_vm_set_flag(&f, "reset");
    do_it(&f, policy_rebind, vm_op_rebind);
    assert_nvram(&f, "a", "backup-1.raw", 'g');
    ask_to_rebind(&f, "40-none");
    test_vm_set_flag(&f, "reset");
    do_it(&f, policy_rebind, vm_op_rebind);
    test_assert_entries(f.store, "a", "backup-1.raw, backup-2.raw, backups.json, lock, pin.json");
}

static void a_clone_has_copies(void) {
    g_auto(TestVM) f = made();
    g_auto(VMResult) result = VM_RESULT_INIT;

    test_vm_ask(&f, REQUEST_CALL_CLONE, NULL, NULL);
    f.op.new_id = g_strdup("b");
    result = done(&f, policy_use, vm_op_clone);
    assert_nvram(&f, "b", "nvram.raw", 'g');
    g_assert_cmpuint(
            test_inode(f.store, "b", "nvram.raw"), !=, test_inode(f.store, "a", "nvram.raw"));
    test_assert_entries(f.store, "b", "lock, nvram.raw, pin.json");
}

static void a_record_that_another_process_changed_is_a_conflict(void) {
    static const struct {
        RequestCall call;
        Policy policy;
        Run run;
    } cases[] = {
            {REQUEST_CALL_RESET, policy_replace_nvram, vm_op_replace_nvram},
            {REQUEST_CALL_REBIND, policy_rebind, vm_op_rebind},
            {REQUEST_CALL_CLONE, policy_use, vm_op_clone},
    };
    g_auto(TestVM) f = made();
    g_autoptr(Pin) before = pin_ref(f.op.pin);

    f.op.new_id = g_strdup("b");
    ask_to_rebind(&f, "20-b");
    do_it(&f, policy_rebind, vm_op_rebind);
    test_vm_set_pin(&f, before);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        test_vm_ask(&f, cases[i].call, NULL, NULL);
        assert_fails(&f, cases[i].policy, cases[i].run, FIRMWARE_ERROR_VM_CONFLICT, "record");
    }
    test_assert_entries(f.store, NULL, "a");
    assert_nvram(&f, "a", "nvram.raw", 'g');
}

static void a_removed_vm_is_gone_however_it_went(void) {
    g_auto(TestVM) f = made();

    do_it(&f, policy_remove, vm_op_remove);
    test_assert_entries(f.store, NULL, "");
    do_it(&f, policy_remove, vm_op_remove);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(a_new_vm_gets_pin_and_nvram),
            TEST_CASE(a_new_vm_may_come_with_its_lease),
            TEST_CASE(an_id_that_another_process_took_is_left_alone),
            TEST_CASE(a_later_start_changes_nothing),
            TEST_CASE(another_version_of_the_machine_is_recorded),
            TEST_CASE(an_equivalent_stands_in_for_what_is_gone),
            TEST_CASE(what_stands_in_and_cannot_be_rendered_is_refused_first),
            TEST_CASE(firmware_without_an_equivalent_is_gone),
            TEST_CASE(nvram_is_looked_at_each_time),
            TEST_CASE(what_is_replaced_becomes_a_backup),
            TEST_CASE(what_does_not_fit_replaces_nothing),
            TEST_CASE(a_lease_stops_what_writes),
            TEST_CASE(a_qemu_without_a_lease_stops_what_writes),
            TEST_CASE(an_export_keeps_a_qemu_from_the_file_while_it_lasts),
            TEST_CASE(nvram_is_opened_with_its_lease),
            TEST_CASE(exports_are_of_nvram_or_backup),
            TEST_CASE(nvram_stays_where_it_fits),
            TEST_CASE(nvram_that_does_not_fit_goes_when_that_is_asked_for),
            TEST_CASE(a_clone_has_copies),
            TEST_CASE(a_record_that_another_process_changed_is_a_conflict),
            TEST_CASE(a_removed_vm_is_gone_however_it_went),
    };

    return test_main(argc, argv, "vm-ops", cases, G_N_ELEMENTS(cases));
}
