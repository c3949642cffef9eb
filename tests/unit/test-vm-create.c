/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <string.h>

#include "base/error.h"
#include "util-vm.h"
#include "vm/policy.h"
#include "vm/vm-condition.h"
#include "vm/vm-ops.h"

/* The look at the store of a new VM. */

#define VARS_SIZE 4096

static TestDir *described(void) {
    TestDir *root = test_layers_new();

    test_describe(root, "vendor/a.json", NULL);
    return root;
}

static VMResult created(TestVM *f) {
    static const PolicyFacts no_limits = {};
    g_autoptr(GError) error = NULL;
    VMResult result = VM_RESULT_INIT;
    gboolean is_done;

    test_vm_ask(f, REQUEST_CALL_PREPARE, "x86_64", "q35");
    is_done = policy_prepare(&f->op, &no_limits, &error) && vm_op_create(&f->op, &result, &error);
    g_assert_no_error(error);
    g_assert_true(is_done);
    test_vm_set_pin(f, result.pin);
    return result;
}

/* A catalog that was built long after its files were written. */
static void trust_files(TestVM *f) {
    g_autoptr(GPtrArray) layers = test_layers(f->root);
    g_autoptr(MachineTable) machines = test_shipped_machines();
    const CatalogSources sources = {
            .layers = layers,
            .machines = machines,
            .now = g_get_real_time() + 2 * FILE_TRUST_USEC,
    };

    catalog_unref(f->op.catalog);
    f->op.catalog = catalog_build(&sources, NULL);
    g_assert_nonnull(f->op.catalog);
}

/* The store of a new VM has not been read. */
static gboolean is_summary_of_catalog(TestVM *f) {
    g_auto(VMResult) result = VM_RESULT_INIT;
    g_auto(VMResult) removed = VM_RESULT_INIT;

    result = created(f);
    g_assert_true(vm_op_remove(&f->op, &removed, NULL));
    test_vm_set_pin(f, NULL);
    g_assert_false(result.condition.look->is_trusted);
    return result.condition.look->summary == test_find(f->op.catalog, "a")->store;
}

static void an_unchanged_template_has_the_summary_of_its_copy(void) {
    g_auto(TestVM) f = test_vm_new(described());
    g_autofree char *template = g_build_filename(f.root, "vars.fd", NULL);

    /* it may have changed since the catalog was built, within a tick of the clock */
    g_assert_false(is_summary_of_catalog(&f));
    trust_files(&f);
    g_assert_true(is_summary_of_catalog(&f));
    g_assert_no_errno(utimensat(AT_FDCWD, template, NULL, 0));
    g_assert_false(is_summary_of_catalog(&f));
}

static void what_an_owner_writes_at_once_is_read(void) {
    g_auto(TestVM) f = test_vm_new(described());
    g_auto(VMResult) result = VM_RESULT_INIT;
    g_autofree char *path = vmstore_path(f.store, test_owner(), "a", "nvram.raw");
    g_autofree char *content = g_strnfill(VARS_SIZE, 'o');
    g_autoptr(VMLook) new_look = NULL;

    trust_files(&f);
    result = created(&f);
    new_look = vm_look_ref(result.condition.look);
    vm_read_result(&f.op, &result);
    g_assert_true(result.condition.look == new_look);
    test_write_text("/", path, content);
    vm_read_result(&f.op, &result);
    g_assert_true(result.condition.look != new_look);
}

static void assert_not_created(TestVM *f, FirmwareError code, const char *text) {
    static const PolicyFacts no_limits = {};
    g_autoptr(GError) error = NULL;
    g_auto(VMResult) result = VM_RESULT_INIT;

    test_vm_ask(f, REQUEST_CALL_PREPARE, "x86_64", "q35");
    g_assert_true(policy_prepare(&f->op, &no_limits, &error));
    g_assert_false(vm_op_create(&f->op, &result, &error));
    g_assert_error(error, FIRMWARE_ERROR, (int)code);
    g_assert_nonnull(strstr(error->message, text));
    g_assert_null(result.pin);
}

/* The answer would name what the firmware is not. */
static void an_image_that_has_changed_makes_no_vm(void) {
    static const struct {
        guint64 size;
        gsize backing_name;
        FirmwareError code;
        const char *text;
    } changes[] = {
            {0, 0, FIRMWARE_ERROR_IO, "code.q is not what it was when the descriptors were read"},
            {4096, 0, FIRMWARE_ERROR_IO, "code.q is not what it was when the descriptors were"},
            {8192, TEST_QCOW2_SIZE, FIRMWARE_ERROR_IMAGE_UNUSABLE, "code.q names another file"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(changes); i++) {
        TestDir *root = test_layers_new();
        g_auto(TestVM) f = {};
        guint8 header[TEST_QCOW2_SIZE];

        test_qcow2_header(header, 8192);
        test_write(root, "code.q", header, sizeof header);
        test_describe(
                root, "vendor/a.json", "mapping",
                "{'device': 'flash', 'executable': {'filename': '/code.q', 'format': 'qcow2'},"
                " 'nvram-template': {'filename': '/vars.fd', 'format': 'raw'}}",
                NULL);
        f = test_vm_new(root);
        test_qcow2_header(header, changes[i].size);
        header[15] = (guint8)changes[i].backing_name;
        test_write(root, "code.q", header, changes[i].size > 0 ? sizeof header : 0);
        assert_not_created(&f, changes[i].code, changes[i].text);
    }
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(an_unchanged_template_has_the_summary_of_its_copy),
            TEST_CASE(what_an_owner_writes_at_once_is_read),
            TEST_CASE(an_image_that_has_changed_makes_no_vm),
    };

    return test_main(argc, argv, "vm-create", cases, G_N_ELEMENTS(cases));
}
