/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service/vm.h"
#include "util-vm.h"
#include "vm/vm-condition.h"
#include "vm/vm-ops.h"

/* One VM of the table, whose condition several threads read. */

static TestVM made(void) {
    TestDir *root = test_layers_new();

    test_write_sparse(root, "vars.fd", 65536);
    return test_vm_new_prepared(root);
}

static void read_condition(const VMOp *op, VMCondition *condition) {
    vm_read_condition(op->store, op->owner, op->id, op->pin, op->catalog->known, condition);
}

static VM *vm_new(const VMOp *op) {
    VM *vm = g_new0(VM, 1);

    vm->owner = op->owner;
    vm->id = g_strdup(op->id);
    vm->pin = pin_ref(op->pin);
    vm->store = op->store;
    return vm;
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(VMCondition, vm_condition_clear)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VM, vm_free)

static void an_older_reading_that_ends_later_is_dropped(void) {
    g_auto(TestVM) f = made();
    g_autoptr(VM) vm = vm_new(&f.op);
    g_auto(VMCondition) list = {};
    g_auto(VMCondition) later = {};
    g_auto(VMResult) prepared = VM_RESULT_INIT;
    g_autoptr(GError) error = NULL;

    /* a list is read, while PrepareVM with a lease begins and ends */
    read_condition(&f.op, &list);
    test_vm_ask(&f, REQUEST_CALL_PREPARE, "x86_64", "q35");
    test_vm_set_flag(&f, "lease");
    g_assert_true(vm_op_prepare(&f.op, &prepared, &error));
    g_assert_no_error(error);
    vm_read_result(&f.op, &prepared);
    (void)vm_set_condition(vm, &prepared.condition);
    (void)vm_set_condition(vm, &list);
    g_assert_true(vm->condition.is_in_use);
    g_assert_cmpint(vm->condition.watch, >, 0);

    file_fd_close(prepared.lease);
    prepared.lease = FILE_FD_NONE;
    read_condition(&f.op, &later);
    (void)vm_set_condition(vm, &later);
    g_assert_false(vm->condition.is_in_use);
}

/* Without a lease, it takes over what it has read for its checks. */
static void an_operation_says_when_it_has_read(void) {
    g_auto(TestVM) f = made();
    g_auto(VMCondition) before = {};
    g_auto(VMResult) prepared = VM_RESULT_INIT;

    read_condition(&f.op, &before);
    test_vm_ask(&f, REQUEST_CALL_PREPARE, "x86_64", "q35");
    g_assert_true(vm_op_prepare(&f.op, &prepared, NULL));
    vm_read_result(&f.op, &prepared);
    g_assert_cmpint(before.begun, >, 0);
    g_assert_cmpint(prepared.condition.begun, >=, before.begun);
}

/* A list is read with the old pin, while Rebind to another format has published the new one. */
static void a_reading_with_the_pin_before_is_dropped(void) {
    g_auto(TestVM) f = made();
    g_autoptr(VM) vm = vm_new(&f.op);
    g_autoptr(Pin) pin = pin_with(f.op.pin, NULL, NULL, NULL);
    g_auto(VMCondition) rebound = {};
    VMCondition list;

    read_condition(&f.op, &rebound);
    list = (VMCondition){.begun = rebound.begun + 1, .nvram_fault = "nvram-missing"};
    (void)vm_set_condition(vm, &list);
    (void)vm_set_pin(vm, pin);
    (void)vm_set_condition(vm, &rebound);
    g_assert_cmpstr(vm->condition.nvram_fault, ==, NULL);
    g_assert_true(vm->condition.look == rebound.look);
}

/* Rebind to firmware without variables, which no reading says anything of. */
static void a_pin_without_nvram_has_no_look(void) {
    const guint of_look = VM_PROPERTY_CERTIFICATES | VM_PROPERTY_EXPIRES | VM_PROPERTY_HEALTH;
    g_auto(TestVM) f = made();
    g_autoptr(VM) vm = vm_new(&f.op);
    g_autoptr(Pin) pin = pin_with(f.op.pin, NULL, NULL, NULL);
    g_auto(VMCondition) before = {};

    read_condition(&f.op, &before);
    g_assert_cmpuint(vm_set_condition(vm, &before) & of_look, ==, VM_PROPERTY_HEALTH);
    pin->has_nvram = FALSE;
    g_assert_cmpuint(
            vm_set_pin(vm, pin) & (of_look | VM_PROPERTY_NVRAM), ==,
            VM_PROPERTY_HEALTH | VM_PROPERTY_NVRAM);
    g_assert_null(vm->condition.look);

    g_assert_cmpuint(vm_set_pin(vm, f.op.pin), ==, VM_PROPERTY_NVRAM);
    g_assert_cmpuint(vm_set_condition(vm, &before), ==, VM_PROPERTY_HEALTH);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(an_older_reading_that_ends_later_is_dropped),
            TEST_CASE(an_operation_says_when_it_has_read),
            TEST_CASE(a_reading_with_the_pin_before_is_dropped),
            TEST_CASE(a_pin_without_nvram_has_no_look),
    };

    return test_main(argc, argv, "vm-table", cases, G_N_ELEMENTS(cases));
}
