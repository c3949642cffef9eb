/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "util-answer.h"

#include "vm/policy.h"
#include "vm/vm-answer.h"
#include "vm/vm-ops.h"

static void prepare_vm(TestAnswers *answers) {
    const PolicyFacts facts = {};
    TestDir *root = test_layers_new();
    g_autoptr(GError) error = NULL;

    test_describe(root, "vendor/a.json", NULL);
    answers->vm = test_vm_new(root);
    answers->result = VM_RESULT_INIT;
    test_vm_ask(&answers->vm, REQUEST_CALL_PREPARE, "x86_64", "q35");
    g_assert_true(policy_prepare(&answers->vm.op, &facts, &error));
    g_assert_true(vm_op_create(&answers->vm.op, &answers->result, &error));
}

void test_answers_init(TestAnswers *answers) {
    static const char *const host_features[] = {NULL};
    TestAnswer *f = &answers->secure;
    SelectionInput input;

    *answers = (TestAnswers){};
    test_answer_describe(f, NULL, "features", "['secure-boot', 'requires-smm']");
    test_write_text(f->root, "vendor/broken.json", "{");
    test_write_text(f->root, "admin/masked.json", "");
    test_describe(f->root, "vendor/masked.json", NULL);
    catalog_unref(f->catalog);
    f->catalog = test_catalog(f->root);
    test_answer_resolve(f, "x86_64", "q35", "/vm/nvram");
    g_assert_true(rendering_make(
            f->resolution,
            REQUEST_RENDER_QEMU | REQUEST_RENDER_QEMU_LEGACY | REQUEST_RENDER_LIBVIRT,
            &answers->rendering, NULL));

    input = (SelectionInput){.catalog = f->catalog,
                             .request = f->request,
                             .machine =
                                     machine_table_resolve(f->catalog->machines, "x86_64", "q35"),
                             .host_features = host_features};
    answers->verdicts = selection_explain(&input);
    answers->capabilities = selection_capabilities(&input);
    prepare_vm(answers);
}

void test_answers_clear(TestAnswers *answers) {
    vm_result_clear(&answers->result);
    test_vm_clear(&answers->vm);
    capabilities_free(answers->capabilities);
    g_ptr_array_unref(answers->verdicts);
    rendering_clear(&answers->rendering);
    test_answer_clear(&answers->secure);
}

static void write_resolution(Sink *sink, const TestAnswers *answers) {
    answer_resolution(sink, answers->secure.resolution, &answers->rendering);
}

static void write_verdicts(Sink *sink, const TestAnswers *answers) {
    answer_verdicts(sink, answers->verdicts);
}

static void write_capabilities(Sink *sink, const TestAnswers *answers) {
    answer_capabilities(sink, answers->capabilities);
}

static char *path_of(const char *name) {
    return g_strconcat("/path/", name, NULL);
}

static void write_list(Sink *sink, const TestAnswers *answers) {
    answer_firmware_list(sink, answers->secure.catalog, path_of);
}

static void write_vm_resolution(Sink *sink, const TestAnswers *answers) {
    sink_open_array(sink, "{sv}");
    vm_answer_resolution_entries(sink, &answers->vm.op, &answers->result, NULL);
    sink_close(sink);
}

static void write_vms(Sink *sink, const TestAnswers *answers) {
    sink_open_array(sink, "(susso)");
    vm_answer_row(sink, "a", 1, answers->result.pin, "ready", "/path/a");
    sink_close(sink);
}

static void write_nvram(Sink *sink, const TestAnswers *answers) {
    const VMOp *op = &answers->vm.op;

    vm_answer_nvram_names(sink, op->store, op->owner, op->id, answers->result.pin);
}

const TestShape test_shapes[] = {
        {"org.vmfirmware1.Manager", "resolution", write_resolution},
        {"org.vmfirmware1.Manager", "verdicts", write_verdicts},
        {"org.vmfirmware1.Manager", "capabilities", write_capabilities},
        /* "firmware" is an object path in other methods, which come first */
        {"org.vmfirmware1.Manager", "ListFirmware", write_list},
        {"org.vmfirmware1.VM", "resolution", write_vm_resolution},
        {"org.vmfirmware1.Manager", "vms", write_vms},
        {"org.vmfirmware1.VM", "NVRAM", write_nvram},
        {},
};

GVariant *test_shape_to_variant(const TestShape *shape, const TestAnswers *answers) {
    VariantSink *sink = variant_sink_new();

    shape->write(variant_sink_get_sink(sink), answers);
    return variant_sink_end(sink);
}
