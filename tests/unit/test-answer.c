/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/answer.h"

#include <string.h>

#include "base/error.h"
#include "util-answer.h"

/* -- what the interface's XML says ------------------------------------------------------- */

typedef struct Search {
    const char *name;
    gboolean is_in_method; /* of that name */
    char *signature;
} Search;

static void on_element(
        GMarkupParseContext *context, const char *element, const char **names, const char **values,
        gpointer data, GError **error) {
    Search *search = data;
    const char *name = NULL;
    const char *type = NULL;
    gboolean is_out = TRUE;

    for (gsize i = 0; names[i]; i++) {
        if (g_str_equal(names[i], "name"))
            name = values[i];
        else if (g_str_equal(names[i], "type"))
            type = values[i];
        else if (g_str_equal(names[i], "direction"))
            is_out = g_str_equal(values[i], "out");
    }
    if (g_str_equal(element, "method"))
        search->is_in_method = g_strcmp0(name, search->name) == 0;
    else if (
            type && is_out && !search->signature &&
            (search->is_in_method || g_strcmp0(name, search->name) == 0))
        search->signature = g_strdup(type);
}

/* Of the property, or the first out argument, called NAME; or of the out argument of that method.
 */
static char *signature_of(const char *interface, const char *name) {
    static const GMarkupParser parser = {.start_element = on_element};
    g_autofree char *path = g_strdup_printf("%s/%s.xml", INTERFACES, interface);
    g_autoptr(GMarkupParseContext) context = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *xml = NULL;
    Search search = {.name = name};

    g_assert_true(g_file_get_contents(path, &xml, NULL, &error));
    context = g_markup_parse_context_new(&parser, 0, &search, NULL);
    g_assert_true(g_markup_parse_context_parse(context, xml, -1, &error));
    g_assert_true(g_markup_parse_context_end_parse(context, &error));
    g_assert_nonnull(search.signature);
    return search.signature;
}

static void each_answer_has_the_type_of_the_interface(void) {
    g_auto(TestAnswers) answers;

    test_answers_init(&answers);
    for (const TestShape *shape = test_shapes; shape->name; shape++) {
        g_autoptr(GVariant) variant = test_shape_to_variant(shape, &answers);
        g_autofree char *signature = signature_of(shape->interface, shape->name);

        g_assert_cmpstr(g_variant_get_type_string(variant), ==, signature);
    }
}

static void each_property_has_the_type_of_the_interface(void) {
    g_auto(TestAnswers) answers;

    test_answers_init(&answers);
    for (const FirmwareProperty *p = firmware_properties; p->name; p++) {
        g_autofree char *signature = signature_of("org.vmfirmware1.Firmware", p->name);
        const GPtrArray *firmware = answers.secure.catalog->firmware;

        /* an invalid firmware is among them */
        for (guint i = 0; i < firmware->len; i++) {
            VariantSink *sink = variant_sink_new();
            g_autoptr(GVariant) variant = NULL;

            p->write(variant_sink_get_sink(sink), answers.secure.catalog, firmware->pdata[i]);
            variant = variant_sink_end(sink);
            g_assert_cmpstr(g_variant_get_type_string(variant), ==, signature);
        }
    }
}

static void every_key_of_a_resolution_is_in_the_document(void) {
    g_auto(TestAnswers) answers;
    g_autofree char *xml = NULL;
    g_autoptr(GVariant) variant = NULL;
    GVariantIter iter;
    const char *key;

    test_answers_init(&answers);
    variant = test_shape_to_variant(&test_shapes[0], &answers);
    g_assert_true(g_file_get_contents(INTERFACES "/org.vmfirmware1.Manager.xml", &xml, NULL, NULL));
    g_variant_iter_init(&iter, variant);
    while (g_variant_iter_next(&iter, "{&sv}", &key, NULL))
        g_assert_nonnull(strstr(xml, key));
}

/* -- values ------------------------------------------------------------------------------ */

static void a_resolution_has_its_values(void) {
    g_auto(TestAnswers) answers;
    g_autoptr(GVariant) variant = NULL;
    g_autoptr(GVariant) flash = NULL;
    g_autoptr(GVariant) globals = NULL;
    g_autoptr(GVariant) unit = NULL;
    g_autofree char *globals_text = NULL;
    const char *text;
    guint64 size;

    test_answers_init(&answers);
    variant = test_shape_to_variant(&test_shapes[0], &answers);

    g_assert_true(g_variant_lookup(variant, "name", "&s", &text));
    g_assert_cmpstr(text, ==, "a");
    g_assert_true(g_variant_lookup(variant, "libvirt-xml", "&s", &text));
    g_assert_nonnull(strstr(text, "secure='yes'"));
    flash = g_variant_lookup_value(variant, "flash", G_VARIANT_TYPE("aa{sv}"));
    g_assert_cmpuint(g_variant_n_children(flash), ==, 2);
    unit = g_variant_get_child_value(flash, 1);
    g_assert_true(g_variant_lookup(unit, "filename", "&s", &text));
    g_assert_cmpstr(text, ==, "/vm/nvram");
    g_assert_true(g_variant_lookup(unit, "size", "t", &size));
    g_assert_cmpuint(size, ==, 4096);
    globals = g_variant_lookup_value(variant, "global-properties", NULL);
    globals_text = g_variant_print(globals, FALSE);
    g_assert_cmpstr(
            globals_text, ==,
            "[('cfi.pflash01', 'secure', 'on'), ('ICH9-LPC', 'disable_s3', '1')]");
}

static void a_vm_has_what_no_firmware_has(void) {
    g_auto(TestAnswers) answers;
    g_autofree char *expected = NULL;
    const TestShape *shape = test_shapes;
    g_autoptr(GVariant) variant = NULL;
    g_autoptr(GVariant) nvram = NULL;
    const char *filename;
    gboolean flag;

    test_answers_init(&answers);
    while (!g_str_equal(shape->interface, "org.vmfirmware1.VM"))
        shape++;
    variant = test_shape_to_variant(shape, &answers);
    nvram = g_variant_lookup_value(variant, "nvram", G_VARIANT_TYPE_VARDICT);
    expected = vmstore_path(answers.vm.store, answers.vm.op.owner, "a", "nvram.raw");
    g_assert_true(g_variant_lookup(nvram, "filename", "&s", &filename));
    g_assert_cmpstr(filename, ==, expected);
    g_assert_true(g_variant_lookup(nvram, "created", "b", &flag));
    g_assert_true(flag);
    g_assert_true(g_variant_lookup(variant, "pinned", "b", &flag));
    g_assert_false(flag);
    g_assert_true(g_variant_lookup(variant, "changed", "as", NULL));
}

static void a_rendering_nobody_asked_for_is_absent(void) {
    g_auto(TestAnswers) answers;
    VariantSink *sink = variant_sink_new();
    g_autoptr(GVariant) variant = NULL;

    test_answers_init(&answers);
    answer_resolution(variant_sink_get_sink(sink), answers.secure.resolution, NULL);
    variant = variant_sink_end(sink);
    g_assert_false(g_variant_lookup(variant, "libvirt-xml", "s", NULL));
    g_assert_false(g_variant_lookup(variant, "qemu-arguments", "as", NULL));
}

static void a_rendering_without_its_copy_is_an_error(void) {
    g_auto(TestAnswer) f = {};
    g_auto(Rendering) rendering = {};
    g_autoptr(GError) error = NULL;

    test_answer_describe(&f, NULL, NULL, NULL);
    test_answer_resolve(&f, "x86_64", "q35", NULL);
    g_assert_false(rendering_make(f.resolution, REQUEST_RENDER_QEMU, &rendering, &error));
    g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_INVALID_ARGS);
    g_assert_null(rendering.qemu);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(each_answer_has_the_type_of_the_interface),
            TEST_CASE(each_property_has_the_type_of_the_interface),
            TEST_CASE(every_key_of_a_resolution_is_in_the_document),
            TEST_CASE(a_resolution_has_its_values),
            TEST_CASE(a_vm_has_what_no_firmware_has),
            TEST_CASE(a_rendering_nobody_asked_for_is_absent),
            TEST_CASE(a_rendering_without_its_copy_is_an_error),
    };
    return test_main(argc, argv, "answer", cases, G_N_ELEMENTS(cases));
}
