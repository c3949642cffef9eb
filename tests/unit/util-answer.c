/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "util-answer.h"

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

    input = (SelectionInput){
            .catalog = f->catalog,
            .request = f->request,
            .machine = machine_table_resolve(f->catalog->machines, "x86_64", "q35"),
            .host_features = host_features};
    answers->verdicts = selection_explain(&input);
    answers->capabilities = selection_capabilities(&input);
}

void test_answers_clear(TestAnswers *answers) {
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

const TestShape test_shapes[] = {
        {"org.vmfirmware1.Manager", "resolution", write_resolution},
        {"org.vmfirmware1.Manager", "verdicts", write_verdicts},
        {"org.vmfirmware1.Manager", "capabilities", write_capabilities},
        /* "firmware" is an object path in other methods, which come first */
        {"org.vmfirmware1.Manager", "ListFirmware", write_list},
        {},
};

GVariant *test_shape_to_variant(const TestShape *shape, const TestAnswers *answers) {
    VariantSink *sink = variant_sink_new();

    shape->write(variant_sink_get_sink(sink), answers);
    return variant_sink_end(sink);
}
