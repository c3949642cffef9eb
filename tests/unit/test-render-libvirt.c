/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/render.h"

#include <string.h>

#include "base/error.h"
#include "util-render.h"

static void assert_xml(const TestAnswer *f, const char *expected) {
    g_autoptr(GError) error = NULL;
    g_autofree char *xml = render_libvirt(f->resolution, &error);
    g_autofree char *below = test_below(f->root, expected);

    g_assert_no_error(error);
    g_assert_cmpstr(xml, ==, below);
}

static void assert_refused(const TestAnswer *f, FirmwareError code, const char *word) {
    g_autoptr(GError) error = NULL;
    g_autofree char *xml = render_libvirt(f->resolution, &error);

    g_assert_error(error, FIRMWARE_ERROR, (int)code);
    g_assert_nonnull(strstr(error->message, word));
    g_assert_null(xml);
}

#define MIB (G_GUINT64_CONSTANT(1) << 20)
#define TYPE "  <type arch='x86_64' machine='q35'>hvm</type>\n"
#define ACPI "<features>\n  <acpi/>\n</features>\n"

static void split_flash(void) {
    g_auto(TestAnswer) f = {};

    test_answer_describe(&f, NULL, "features", "['requires-smm', 'secure-boot']");
    test_answer_resolve(&f, "x86_64", "q35", "/vm/vars.fd");
    assert_xml(
            &f,
            "<os>\n" TYPE "  <loader readonly='yes' secure='yes' type='pflash'>@/code.fd</loader>\n"
            "  <nvram template='@/vars.fd'>/vm/vars.fd</nvram>\n"
            "</os>\n"
            "<features>\n  <acpi/>\n  <smm state='on'/>\n</features>\n"
            "<pm>\n  <suspend-to-mem enabled='no'/>\n</pm>\n");
}

static void combined_and_stateless_flash(void) {
    g_auto(TestAnswer) combined = {};
    g_auto(TestAnswer) stateless = {};

    test_answer_describe(
            &combined,
            "{'device': 'flash', 'mode': 'combined',"
            " 'executable': {'filename': '/code.fd', 'format': 'raw'}}",
            NULL, NULL);
    test_answer_resolve(&combined, "x86_64", "q35", "/vm/a.fd");
    assert_xml(
            &combined,
            "<os>\n" TYPE "  <loader readonly='no' type='pflash'>/vm/a.fd</loader>\n</os>\n" ACPI);

    test_answer_describe(
            &stateless,
            "{'device': 'flash', 'mode': 'stateless',"
            " 'executable': {'filename': '/code.fd', 'format': 'raw'}}",
            NULL, NULL);
    test_answer_resolve(&stateless, "x86_64", "q35", NULL);
    assert_xml(
            &stateless,
            "<os>\n" TYPE
            "  <loader readonly='yes' type='pflash' stateless='yes'>@/code.fd</loader>\n"
            "</os>\n" ACPI);
}

/* libvirt 9.2 and later take the loader's format for a store without one, earlier ones raw. */
static void each_mix_of_formats_is_said(void) {
    static const struct {
        const char *code;
        const char *template;
        const char *nvram;
        const char *loader_format;
        const char *nvram_formats;
    } mixes[] = {
            {"raw", "raw", "raw", "", ""},
            {"raw", "raw", "qcow2", " format='raw'", " templateFormat='raw' format='qcow2'"},
            {"raw", "qcow2", "raw", " format='raw'", " templateFormat='qcow2' format='raw'"},
            {"raw", "qcow2", "qcow2", " format='raw'", " templateFormat='qcow2' format='qcow2'"},
            {"qcow2", "raw", "raw", " format='qcow2'", " templateFormat='raw' format='raw'"},
            {"qcow2", "raw", "qcow2", " format='qcow2'", " templateFormat='raw' format='qcow2'"},
            {"qcow2", "qcow2", "qcow2", " format='qcow2'",
             " templateFormat='qcow2' format='qcow2'"},
            {"qcow2", "qcow2", "raw", " format='qcow2'", " templateFormat='qcow2' format='raw'"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(mixes); i++) {
        g_auto(TestAnswer) f = {};
        guint8 header[TEST_QCOW2_SIZE];
        g_autofree char *expected = g_strdup_printf(
                "<os>\n" TYPE "  <loader readonly='yes' type='pflash'%s>@/code.%s</loader>\n"
                "  <nvram template='@/code.%s'%s>/vm/a</nvram>\n</os>\n" ACPI,
                mixes[i].loader_format, mixes[i].code, mixes[i].template, mixes[i].nvram_formats);
        g_autofree char *mapping = g_strdup_printf(
                "{'device': 'flash', 'executable': {'filename': '/code.%s', 'format': '%s'},"
                " 'nvram-template': {'filename': '/code.%s', 'format': '%s'}}",
                mixes[i].code, mixes[i].code, mixes[i].template, mixes[i].template);

        test_answer_describe(&f, mapping, NULL, NULL);
        test_qcow2_header(header, 8192);
        test_write(f.root, "code.qcow2", header, sizeof header);
        test_write_sparse(f.root, "code.raw", 8192);
        catalog_unref(f.catalog);
        f.catalog = test_catalog(f.root);
        test_answer_resolve(&f, "x86_64", "q35", NULL);
        resolution_set_nvram(f.resolution, "/vm/a", mixes[i].nvram);
        assert_xml(&f, expected);
    }
}

static void the_other_devices(void) {
    g_auto(TestAnswer) memory = {};
    g_auto(TestAnswer) store = {};
    g_auto(TestAnswer) kernel = {};
    g_auto(TestAnswer) igvm = {};

    test_answer_describe(&memory, "{'device': 'memory', 'filename': '/rom'}", NULL, NULL);
    test_answer_resolve(&memory, "x86_64", "isapc", NULL);
    assert_xml(
            &memory,
            "<os>\n  <type arch='x86_64' machine='isapc'>hvm</type>\n"
            "  <loader type='rom'>@/rom</loader>\n</os>\n<features/>\n");

    test_answer_describe(
            &store,
            "{'device': 'memory', 'filename': '/rom', 'uefi-vars': {'template': '/store.json'}}",
            NULL, NULL);
    test_answer_resolve(&store, "x86_64", "q35", "/vm/a.json");
    assert_xml(
            &store,
            "<os>\n" TYPE "  <loader type='rom'>@/rom</loader>\n"
            "  <varstore template='@/store.json' path='/vm/a.json'/>\n</os>\n" ACPI);

    test_answer_describe(&kernel, "{'device': 'kernel', 'filename': '/rom'}", NULL, NULL);
    test_answer_resolve(&kernel, "x86_64", "q35", NULL);
    assert_xml(&kernel, "<os>\n" TYPE "  <kernel>@/rom</kernel>\n</os>\n" ACPI);

    test_answer_describe(&igvm, "{'device': 'igvm', 'filename': '/rom'}", NULL, NULL);
    test_answer_resolve(&igvm, "x86_64", "q35", NULL);
    assert_refused(&igvm, FIRMWARE_ERROR_NOT_SUPPORTED, "igvm");
}

/* In memory, which any architecture takes. */
static void architectures_have_libvirts_names(void) {
    static const char *const names[][3] = {
            {"i386", "pc", " arch='i686' machine='pc'"},
            {"arm", "virt", " arch='armv7l' machine='virt'"},
            {"aarch64", "virt", " arch='aarch64' machine='virt'"},
            {"riscv64", "virt", " arch='riscv64' machine='virt'"},
            {"ppc64", "pseries-9.0", " arch='ppc64' machine='pseries-9.0'"},
            {"loongarch64", "virt", " arch='loongarch64' machine='virt'"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_auto(TestAnswer) f = {};
        g_autofree char *expected = g_strdup_printf(
                "<os>\n  <type%s>hvm</type>\n  <loader type='rom'>@/rom</loader>\n</os>\n%s",
                names[i][2], i == 0 ? ACPI : "<features/>\n");

        test_answer_describe(&f, "{'device': 'memory', 'filename': '/rom'}", NULL, NULL);
        test_answer_resolve(&f, names[i][0], names[i][1], NULL);
        assert_xml(&f, expected);
    }
}

/* In flash, by which libvirt knows UEFI. */
static void acpi_is_said_where_uefi_has_it(void) {
    static const struct {
        const char *architecture;
        guint64 size;
        const char *features;
    } boards[] = {
            {"aarch64", 64 * MIB, ACPI},
            {"loongarch64", MIB, ACPI},
            {"arm", 64 * MIB, "<features/>\n"},
            {"riscv64", 32 * MIB, "<features/>\n"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(boards); i++) {
        g_auto(TestAnswer) f = {};
        g_autoptr(GError) error = NULL;
        g_autofree char *xml = NULL;

        test_answer_describe(
                &f,
                "{'device': 'flash', 'mode': 'stateless',"
                " 'executable': {'filename': '/large', 'format': 'raw'}}",
                NULL, NULL);
        test_write_sparse(f.root, "large", boards[i].size);
        catalog_unref(f.catalog);
        f.catalog = test_catalog(f.root);
        test_answer_resolve(&f, boards[i].architecture, "virt", NULL);
        xml = render_libvirt(f.resolution, &error);
        g_assert_no_error(error);
        g_assert_true(g_str_has_suffix(xml, boards[i].features));
    }
}

static void names_are_escaped(void) {
    g_auto(TestAnswer) f = {};

    test_answer_describe(&f, NULL, NULL, NULL);
    test_answer_resolve(&f, "x86_64", "q35", "/vm/<&>'\"");
    assert_xml(
            &f,
            "<os>\n" TYPE "  <loader readonly='yes' type='pflash'>@/code.fd</loader>\n"
            "  <nvram template='@/vars.fd'>/vm/&lt;&amp;&gt;&apos;&quot;</nvram>\n"
            "</os>\n" ACPI);
}

static void what_has_no_words_is_refused(void) {
    static const char *const machines[] = {"a b", "a'b", "a<b", "a\xc3\xbc", "a/b"};
    static const char *const filenames[] = {"/a\nb", "/a\tb", "/a\001", "/\x1f"};

    for (gsize i = 0; i < G_N_ELEMENTS(machines); i++) {
        g_auto(TestAnswer) f = {};

        test_answer_describe(&f, "{'device': 'memory', 'filename': '/rom'}", NULL, NULL);
        test_answer_resolve(&f, "x86_64", machines[i], NULL);
        assert_refused(&f, FIRMWARE_ERROR_NOT_SUPPORTED, "machine");
    }
    for (gsize i = 0; i < G_N_ELEMENTS(filenames); i++) {
        g_auto(TestAnswer) f = {};

        test_answer_describe(&f, NULL, NULL, NULL);
        test_answer_resolve(&f, "x86_64", "q35", filenames[i]);
        assert_refused(&f, FIRMWARE_ERROR_NOT_SUPPORTED, "file name");
    }
    {
        g_auto(TestAnswer) f = {};

        test_answer_describe(
                &f, "{'device': 'memory', 'filename': '/rom'}", "features", "['host-uefi-vars']");
        test_answer_resolve(&f, "x86_64", "q35", NULL);
        assert_refused(&f, FIRMWARE_ERROR_NOT_SUPPORTED, "uefi-vars");
    }
    {
        g_auto(TestAnswer) f = {};

        test_answer_describe(&f, "{'device': 'memory', 'filename': '/rom'}", NULL, NULL);
        test_answer_resolve(&f, "tricore", "x", NULL);
        assert_refused(&f, FIRMWARE_ERROR_NOT_SUPPORTED, "architecture tricore");
    }
    {
        g_auto(TestAnswer) f = {};

        test_answer_describe(&f, NULL, "features", "['requires-smm', 'secure-boot']");
        test_answer_resolve(&f, "i386", "q35", "/vm/vars.fd");
        assert_refused(&f, FIRMWARE_ERROR_NOT_SUPPORTED, "Secure Boot for architecture i386");
    }
}

static void firmware_that_writes_needs_a_copy(void) {
    g_auto(TestAnswer) f = {};

    test_answer_describe(&f, NULL, NULL, NULL);
    test_answer_resolve(&f, "x86_64", "q35", NULL);
    assert_refused(&f, FIRMWARE_ERROR_INVALID_ARGS, "nvram-filename");
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(split_flash),
            TEST_CASE(combined_and_stateless_flash),
            TEST_CASE(each_mix_of_formats_is_said),
            TEST_CASE(the_other_devices),
            TEST_CASE(architectures_have_libvirts_names),
            TEST_CASE(acpi_is_said_where_uefi_has_it),
            TEST_CASE(names_are_escaped),
            TEST_CASE(what_has_no_words_is_refused),
            TEST_CASE(firmware_that_writes_needs_a_copy),
    };

    return test_main(argc, argv, "render-libvirt", cases, G_N_ELEMENTS(cases));
}
