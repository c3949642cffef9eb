/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "util-vm.h"
#include "vm/policy.h"
#include "vm/vm-condition.h"
#include "vm/vm-ops.h"

#define VARS_SIZE 65536

/* A VM "a" of a firmware that keeps its variables, and its condition as read long ago. */
typedef struct Fixture {
    TestVM vm;
    VMCondition condition;
} Fixture;

static void fixture_clear(Fixture *f) {
    vm_condition_clear(&f->condition);
    test_vm_clear(&f->vm);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Fixture, fixture_clear)

static void make_vm(TestVM *vm) {
    static const PolicyFacts no_limits = {};
    g_autoptr(GError) error = NULL;
    g_auto(VMResult) result = VM_RESULT_INIT;

    test_vm_ask(vm, REQUEST_CALL_PREPARE, "x86_64", "q35");
    g_assert_true(policy_prepare(&vm->op, &no_limits, &error));
    g_assert_true(vm_op_create(&vm->op, &result, &error));
    test_vm_set_pin(vm, result.pin);
}

static gboolean read_state(Fixture *f) {
    const VMOp *op = &f->vm.op;
    VMStoreWalk walk;

    vmstore_walk_begin(&walk, op->store);
    return vm_read_state(&walk, op->owner, op->id, op->pin, op->catalog->known, &f->condition);
}

/* The owner's directory, with the link or the directory A in it, was last changed long ago. */
static void walk(Fixture *f) {
    VMStoreWalk walk;

    vmstore_walk_begin(&walk, f->vm.store);
    vmstore_walk_to(&walk, f->vm.op.owner);
    walk.is_trusted = TRUE;
    vmstore_walk_end_owner(&walk);
}

static gboolean is_walked(const Fixture *f) {
    VMStoreWalk walk;

    vmstore_walk_begin(&walk, f->vm.store);
    vmstore_walk_to(&walk, f->vm.op.owner);
    return walk.is_walked;
}

static void trust(Fixture *f) {
    g_assert_nonnull(f->condition.look);
    f->condition.look->is_trusted = TRUE;
}

static Fixture fixture(void) {
    TestDir *root = test_layers_new();
    Fixture f = {};

    test_write_sparse(root, "code.fd", 8192);
    test_write_sparse(root, "vars.fd", VARS_SIZE);
    test_describe(
            root, "vendor/10-a.json", "mapping",
            "{'device': 'flash', 'executable': {'filename': '/code.fd', 'format': 'raw'},"
            " 'nvram-template': {'filename': '/vars.fd', 'format': 'raw'}}",
            NULL);
    f.vm = test_vm_new(root);
    make_vm(&f.vm);
    g_assert_true(read_state(&f));
    trust(&f);
    return f;
}

static char *path_of(const Fixture *f, const char *name) {
    return vmstore_path(f->vm.store, f->vm.op.owner, "a", name);
}

static void an_unchanged_store_is_not_read(void) {
    g_auto(Fixture) f = fixture();
    const VMLook *look = f.condition.look;

    f.condition.watch = 7;
    g_assert_false(read_state(&f));
    g_assert_true(f.condition.look == look);
    g_assert_cmpint(f.condition.watch, ==, 7);
}

static void a_young_look_proves_nothing(void) {
    g_auto(Fixture) f = fixture();
    g_autoptr(VMLook) young = vm_look_ref(f.condition.look);

    young->is_trusted = FALSE;
    g_assert_true(read_state(&f));
    g_assert_true(f.condition.look != young);
}

static void other_names_of_certificates_are_read(void) {
    g_auto(Fixture) f = fixture();

    test_vm_reload(&f.vm);
    g_assert_true(f.condition.look->known != f.vm.op.catalog->known);
    g_assert_true(read_state(&f));
    g_assert_true(f.condition.look->known == f.vm.op.catalog->known);
}

static void a_fault_is_read_again(void) {
    g_auto(Fixture) f = fixture();

    f.condition.nvram_fault = "nvram-missing";
    g_assert_true(read_state(&f));
    g_assert_null(f.condition.nvram_fault);
}

/* -- changes of the files ---------------------------------------------------------------- */

static void write_to(const char *nvram, const char *directory) {
    g_auto(FileFd) fd = open(nvram, O_WRONLY | O_CLOEXEC);

    g_assert_cmpint(pwrite(fd, "x", 1, 40), ==, 1);
}

static void truncate_it(const char *nvram, const char *directory) {
    g_assert_no_errno(truncate(nvram, VARS_SIZE / 2));
}

static void unlink_it(const char *nvram, const char *directory) {
    g_assert_no_errno(g_unlink(nvram));
}

static void replace_by_link(const char *nvram, const char *directory) {
    g_autofree char *away = g_build_filename(directory, "away", NULL);

    g_assert_no_errno(g_rename(nvram, away));
    g_assert_no_errno(symlink("away", nvram));
}

/* The NVRAM is the same file with the same times. */
static void replace_directory_by_link(const char *nvram, const char *directory) {
    g_autofree char *away = g_strconcat(directory, "-away", NULL);

    g_assert_no_errno(g_rename(directory, away));
    g_assert_no_errno(symlink("a-away", directory));
}

static void changes_are_seen(void) {
    static const struct {
        void (*change)(const char *nvram, const char *directory);
        const char *fault;
    } cases[] = {
            {write_to, NULL},
            {truncate_it, "nvram-mismatch"},
            {unlink_it, "nvram-missing"},
            {replace_by_link, "nvram-missing"},
            {replace_directory_by_link, "nvram-missing"},
    };

    for (gsize i = 0; i < 2 * G_N_ELEMENTS(cases); i++) {
        g_auto(Fixture) f = fixture();
        g_autofree char *nvram = path_of(&f, "nvram.raw");
        g_autofree char *directory = g_path_get_dirname(nvram);

        if (i % 2 != 0)
            walk(&f);
        cases[i / 2].change(nvram, directory);
        g_assert_true(read_state(&f));
        g_assert_cmpstr(f.condition.nvram_fault, ==, cases[i / 2].fault);
    }
}

/* -- the directories of the VMs ---------------------------------------------------------- */

static void an_owners_directory_is_walked_once(void) {
    g_auto(Fixture) f = fixture();
    g_autofree char *directory = path_of(&f, ".");
    g_autofree char *beside = g_strconcat(directory, "/../beside", NULL);

    g_assert_false(is_walked(&f));
    walk(&f);
    g_assert_true(is_walked(&f));
    g_assert_false(read_state(&f));
    g_assert_no_errno(g_mkdir(beside, 0700));
    g_assert_false(is_walked(&f));
    g_assert_false(read_state(&f));
}

static void a_young_directory_proves_nothing(void) {
    g_auto(Fixture) f = fixture();
    VMStoreWalk walk;

    vmstore_walk_begin(&walk, f.vm.store);
    vmstore_walk_to(&walk, f.vm.op.owner);
    vmstore_walk_end_owner(&walk);
    g_assert_false(is_walked(&f));
}

static void a_link_to_an_owners_directory_is_not_followed(void) {
    g_auto(Fixture) f = fixture();
    g_autofree char *nvram = path_of(&f, "nvram.raw");
    g_autofree char *directory = g_path_get_dirname(nvram);
    g_autofree char *owner = g_path_get_dirname(directory);
    g_autofree char *away = g_strconcat(owner, "-away", NULL);

    walk(&f);
    g_assert_no_errno(g_rename(owner, away));
    g_assert_no_errno(symlink(away, owner));
    g_assert_true(read_state(&f));
    g_assert_cmpstr(f.condition.nvram_fault, ==, "nvram-missing");
}

int main(int argc, char **argv) {
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/vm-condition/unchanged", an_unchanged_store_is_not_read);
    g_test_add_func("/vm-condition/young", a_young_look_proves_nothing);
    g_test_add_func("/vm-condition/names", other_names_of_certificates_are_read);
    g_test_add_func("/vm-condition/fault", a_fault_is_read_again);
    g_test_add_func("/vm-condition/changes", changes_are_seen);
    g_test_add_func("/vm-condition/walked", an_owners_directory_is_walked_once);
    g_test_add_func("/vm-condition/young-directory", a_young_directory_proves_nothing);
    g_test_add_func("/vm-condition/owner-link", a_link_to_an_owners_directory_is_not_followed);
    return g_test_run();
}
