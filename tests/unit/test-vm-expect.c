/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <sys/stat.h>

#include "util-vm.h"
#include "vm/policy.h"
#include "vm/vm-ops.h"

/* What a later PrepareVM is expected to answer, before its VM's files are looked at. */

#define VARS_SIZE 65536

static char *path_of(const TestVM *f, const char *name) {
    return vmstore_path(f->store, test_owner(), "a", name);
}

/* The VM "a", whose NVRAM was looked at long ago. */
static TestVM made(void) {
    TestDir *root = test_layers_new();
    g_autofree char *path = NULL;
    g_auto(FileFd) fd = FILE_FD_NONE;
    TestVM f;

    test_write_sparse(root, "vars.fd", VARS_SIZE);
    f = test_vm_new_prepared(root);
    path = path_of(&f, "nvram.raw");
    fd = open(path, O_RDONLY | O_CLOEXEC);
    g_assert_no_errno(fd);
    f.op.look = vm_look_new(fd, IMAGE_FORMAT_RAW, f.op.catalog->known, NULL);
    g_assert_nonnull(f.op.look);
    f.op.look->is_trusted = TRUE;
    test_vm_ask(&f, REQUEST_CALL_PREPARE, "x86_64", "q35");
    return f;
}

/* Returns TRUE if the answer is the expected one. */
static gboolean prepare(TestVM *f) {
    static const PolicyFacts no_limits = {};
    g_autoptr(GError) error = NULL;
    g_auto(VMResult) expected = VM_RESULT_INIT;
    g_auto(VMResult) result = VM_RESULT_INIT;

    g_assert_true(policy_prepare(&f->op, &no_limits, &error));
    g_assert_true(vm_expect_prepared(&f->op, &expected));
    g_assert_true(vm_op_prepare(&f->op, &result, &error));
    g_assert_no_error(error);
    if (!vm_is_as_expected(&f->op, &result))
        return FALSE;
    g_assert_cmpuint(expected.differences, ==, result.differences);
    g_assert_cmpstr(expected.resolution->name, ==, result.resolution->name);
    g_assert_cmpstr(expected.resolution->machine, ==, result.resolution->machine);
    g_assert_cmpstr(expected.resolution->nvram_filename, ==, result.resolution->nvram_filename);
    return TRUE;
}

static void an_unchanged_vm_is_as_expected(void) {
    g_auto(TestVM) f = made();

    g_assert_true(prepare(&f));
    g_assert_true(prepare(&f));
}

static void a_store_that_was_written_is_not(void) {
    g_auto(TestVM) f = made();
    g_autofree char *path = path_of(&f, "nvram.raw");
    static const struct timespec long_ago[] = {{.tv_sec = 1}, {.tv_sec = 1}};

    g_assert_no_errno(utimensat(AT_FDCWD, path, long_ago, 0));
    g_assert_false(prepare(&f));
}

static void changed_firmware_is_not_until_that_is_known(void) {
    g_auto(TestVM) f = made();
    g_autofree char *content = g_strnfill(VARS_SIZE, 'x');

    test_write_text(f.root, "vars.fd", content);
    g_assert_false(prepare(&f));
    f.op.differences = VM_DIFFERENCE_NVRAM_TEMPLATE;
    g_assert_true(prepare(&f));
}

static void what_is_recorded_is_not(void) {
    g_auto(TestVM) f = made();

    test_vm_set(&f, "reference", "other");
    g_assert_false(prepare(&f));
}

static void what_has_more_to_it_is_not_expected(void) {
    g_auto(TestVM) f = made();
    g_auto(VMResult) result = VM_RESULT_INIT;

    f.op.differences = VM_DIFFERENCE_REPLACED;
    g_assert_false(vm_expect_prepared(&f.op, &result));
    f.op.differences = 0;
    test_vm_set_flag(&f, "lease");
    g_assert_false(vm_expect_prepared(&f.op, &result));
    test_vm_ask(&f, REQUEST_CALL_PREPARE, "x86_64", "q35");
    g_clear_pointer(&f.op.look, vm_look_unref);
    g_assert_false(vm_expect_prepared(&f.op, &result));
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(an_unchanged_vm_is_as_expected),
            TEST_CASE(a_store_that_was_written_is_not),
            TEST_CASE(changed_firmware_is_not_until_that_is_known),
            TEST_CASE(what_is_recorded_is_not),
            TEST_CASE(what_has_more_to_it_is_not_expected),
    };

    return test_main(argc, argv, "vm-expect", cases, G_N_ELEMENTS(cases));
}
