/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/render.h"

#include <string.h>

#include "base/error.h"
#include "util-render.h"

static void assert_arguments(const TestAnswer *f, GStrv actual, const char *expected) {
    g_autofree char *joined = NULL;
    g_autofree char *below = test_below(f->root, expected);

    g_assert_nonnull(actual);
    joined = g_strjoinv("\n", actual);
    g_assert_cmpstr(joined, ==, below);
}

/* The arguments, one a line; without LEGACY they are the same. */
static void assert_rendered(const TestAnswer *f, const char *qemu, const char *legacy) {
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) arguments = render_qemu(f->resolution, &error);
    g_auto(GStrv) legacy_arguments = render_qemu_legacy(f->resolution, &error);

    g_assert_no_error(error);
    assert_arguments(f, arguments, qemu);
    assert_arguments(f, legacy_arguments, legacy ? legacy : qemu);
}

/* -- flash ------------------------------------------------------------------------------- */

static void split_flash(void) {
    g_auto(TestAnswer) f = {};

    test_answer_describe(&f, NULL, NULL, NULL);
    test_answer_resolve(&f, "x86_64", "q35", "/vm/vars.fd");
    assert_rendered(
            &f,
            "-machine\nq35,pflash0=pflash0,pflash1=pflash1\n"
            "-blockdev\ndriver=file,node-name=pflash0-file,read-only=on,filename=@/code.fd\n"
            "-blockdev\ndriver=raw,node-name=pflash0,read-only=on,file=pflash0-file\n"
            "-blockdev\ndriver=file,node-name=pflash1-file,read-only=off,filename=/vm/vars.fd\n"
            "-blockdev\ndriver=raw,node-name=pflash1,read-only=off,file=pflash1-file",
            "-machine\nq35\n"
            "-drive\nif=pflash,unit=0,readonly=on,format=raw,file=@/code.fd\n"
            "-drive\nif=pflash,unit=1,readonly=off,format=raw,file=/vm/vars.fd");
}

static void secure_boot_with_smm(void) {
    g_auto(TestAnswer) f = {};

    test_answer_describe(
            &f,
            "{'device': 'flash', 'mode': 'stateless',"
            " 'executable': {'filename': '/code.fd', 'format': 'raw'}}",
            "features", "['secure-boot', 'requires-smm']");
    test_answer_resolve(&f, "x86_64", "pc-q35-7.2", NULL);
    g_assert_true(resolution_needs_smm(f.resolution));
    g_assert_true(resolution_needs_secure_flash(f.resolution));
    assert_rendered(
            &f,
            "-machine\npc-q35-7.2,smm=on,pflash0=pflash0\n"
            "-global\ndriver=cfi.pflash01,property=secure,value=on\n"
            "-global\ndriver=ICH9-LPC,property=disable_s3,value=1\n"
            "-blockdev\ndriver=file,node-name=pflash0-file,read-only=on,filename=@/code.fd\n"
            "-blockdev\ndriver=raw,node-name=pflash0,read-only=on,file=pflash0-file",
            "-machine\npc-q35-7.2,smm=on\n"
            "-global\ndriver=cfi.pflash01,property=secure,value=on\n"
            "-global\ndriver=ICH9-LPC,property=disable_s3,value=1\n"
            "-drive\nif=pflash,unit=0,readonly=on,format=raw,file=@/code.fd");
}

/* Each board has its own device for it, and some have none. */
static void firmware_without_s3_disables_it(void) {
    static const char *const boards[][3] = {
            {"x86_64", "pc-q35-7.2", "ICH9-LPC"},
            {"i386", "q35", "ICH9-LPC"},
            {"x86_64", "pc", "PIIX4_PM"},
            {"x86_64", "microvm", NULL},
            {"aarch64", "virt", NULL},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(boards); i++) {
        g_auto(TestAnswer) without = {};
        g_auto(TestAnswer) with = {};

        test_answer_describe(
                &without, "{'device': 'memory', 'filename': '/rom'}", "features", "[]");
        test_answer_resolve(&without, boards[i][0], boards[i][1], NULL);
        g_assert_cmpstr(without.resolution->s3_device, ==, boards[i][2]);
        test_answer_describe(
                &with, "{'device': 'memory', 'filename': '/rom'}", "features", "['acpi-s3']");
        test_answer_resolve(&with, boards[i][0], boards[i][1], NULL);
        g_assert_null(with.resolution->s3_device);
    }
}

static void smm_without_secure_boot_needs_no_secure_flash(void) {
    g_auto(TestAnswer) f = {};

    test_answer_describe(&f, NULL, "features", "['requires-smm']");
    test_answer_resolve(&f, "x86_64", "q35", NULL);
    g_assert_true(resolution_needs_smm(f.resolution));
    g_assert_false(resolution_needs_secure_flash(f.resolution));
}

static void combined_flash_is_the_copy(void) {
    g_auto(TestAnswer) f = {};

    test_answer_describe(
            &f,
            "{'device': 'flash', 'mode': 'combined',"
            " 'executable': {'filename': '/code.fd', 'format': 'raw'}}",
            NULL, NULL);
    test_answer_resolve(&f, "x86_64", "pc", "/vm/a,b=c \"d\".fd");
    assert_rendered(
            &f,
            "-machine\npc,pflash0=pflash0\n"
            "-blockdev\ndriver=file,node-name=pflash0-file,read-only=off,"
            "filename=/vm/a,,b=c \"d\".fd\n"
            "-blockdev\ndriver=raw,node-name=pflash0,read-only=off,file=pflash0-file",
            "-machine\npc\n"
            "-drive\nif=pflash,unit=0,readonly=off,format=raw,file=/vm/a,,b=c \"d\".fd");
}

static void boards_without_properties_get_drives(void) {
    g_auto(TestAnswer) f = {};

    test_answer_describe(
            &f,
            "{'device': 'flash', 'mode': 'stateless',"
            " 'executable': {'filename': '/large', 'format': 'raw'}}",
            "targets", "[{'architecture': 'riscv64', 'machines': ['virt']}]");
    test_write_sparse(f.root, "large", 32 * 1024 * 1024);
    catalog_unref(f.catalog);
    f.catalog = test_catalog(f.root);
    machine_table_add_emulator(
            f.catalog->machines, "riscv64", QEMU_VERSION(8, 0, 5), (const char *const[]){NULL});
    test_answer_resolve(&f, "riscv64", "virt", NULL);
    g_assert_false(f.resolution->has_pflash_properties);
    assert_rendered(
            &f, "-machine\nvirt\n-drive\nif=pflash,unit=0,readonly=on,format=raw,file=@/large",
            NULL);
}

static void what_qemu_lacks_is_not_rendered(void) {
    static const char *const lacks[] = {"igvm-cfg", "uefi-vars-x64", NULL};
    static const char *const mappings[] = {
            "{'device': 'igvm', 'filename': '/rom'}", "{'device': 'memory', 'filename': '/rom'}"};

    for (gsize i = 0; i < G_N_ELEMENTS(mappings); i++) {
        g_auto(TestAnswer) f = {};
        g_autoptr(GError) error = NULL;
        g_autoptr(GError) legacy_error = NULL;

        test_answer_describe(&f, mappings[i], "features", "['host-uefi-vars']");
        machine_table_add_emulator(
                f.catalog->machines, "x86_64", QEMU_VERSION(10, 1, 0), &lacks[i]);
        test_answer_resolve(&f, "x86_64", "q35", NULL);
        g_assert_null(render_qemu(f.resolution, &error));
        g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_NOT_SUPPORTED);
        g_assert_nonnull(strstr(error->message, lacks[i]));
        g_assert_nonnull(strstr(error->message, "10.1.0"));
        g_assert_null(render_qemu_legacy(f.resolution, &legacy_error));
        g_assert_error(legacy_error, FIRMWARE_ERROR, FIRMWARE_ERROR_NOT_SUPPORTED);
    }
}

static void what_a_board_lacks_is_not_rendered(void) {
    g_auto(TestAnswer) f = {};
    g_autoptr(GError) error = NULL;

    test_answer_describe(
            &f, "{'device': 'memory', 'filename': '/rom'}", "features", "['requires-smm']");
    test_answer_resolve(&f, "aarch64", "virt", NULL);
    g_assert_null(render_qemu(f.resolution, &error));
    g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_NOT_SUPPORTED);
    g_assert_cmpstr(
            error->message, ==,
            "render: QEMU for aarch64 has no smm on virt, which firmware a needs");
}

static void host_variables_bring_their_device(void) {
    static const struct {
        const char *mapping;
        const char *nvram;
        const char *expected;
    } cases[] = {
            {"{'device': 'memory', 'filename': '/rom'}", NULL,
             "-machine\nq35\n-bios\n@/rom\n-device\nuefi-vars-x64"},
            {"{'device': 'memory', 'filename': '/rom', 'uefi-vars': {'template': '/store.json'}}",
             "/vm/v.json",
             "-machine\nq35\n-bios\n@/rom\n-device\nuefi-vars-x64,jsonfile=/vm/v.json"},
            {"{'device': 'flash', 'mode': 'stateless',"
             " 'executable': {'filename': '/rom', 'format': 'raw'}}",
             NULL,
             "-machine\nq35,pflash0=pflash0\n"
             "-blockdev\ndriver=file,node-name=pflash0-file,read-only=on,filename=@/rom\n"
             "-blockdev\ndriver=raw,node-name=pflash0,read-only=on,file=pflash0-file\n"
             "-device\nuefi-vars-x64"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(TestAnswer) f = {};
        g_autoptr(GError) error = NULL;
        g_auto(GStrv) arguments = NULL;
        g_autofree char *text = NULL;
        g_autofree char *expected = NULL;

        test_answer_describe(&f, cases[i].mapping, "features", "['acpi-s3', 'host-uefi-vars']");
        expected = test_below(f.root, cases[i].expected);
        test_answer_resolve(&f, "x86_64", "q35", cases[i].nvram);
        arguments = render_qemu(f.resolution, &error);
        g_assert_no_error(error);
        text = g_strjoinv("\n", arguments);
        g_assert_cmpstr(text, ==, expected);
    }
}

/* -- the other devices ------------------------------------------------------------------- */

static void memory_is_bios(void) {
    g_auto(TestAnswer) f = {};

    test_answer_describe(
            &f, "{'device': 'memory', 'filename': '/rom'}", "features", "['requires-smm']");
    test_answer_resolve(&f, "x86_64", "q35", "/ignored");
    assert_rendered(
            &f,
            "-machine\nq35,smm=on\n-global\ndriver=ICH9-LPC,property=disable_s3,value=1\n-bios\n@/rom",
            NULL);
    g_assert_null(f.resolution->flash);
    g_assert_cmpuint(f.resolution->nvram_template_size, ==, 0);
    g_assert_null(f.resolution->nvram_filename);
}

static void a_variable_store_is_a_device(void) {
    static const char *const mappings[] = {
            "{'device': 'memory', 'filename': '/rom', 'uefi-vars': {'template': '/store.json'}}",
            "{'device': 'memory', 'mode': 'split', 'executable': {'filename': '/rom'},"
            " 'nvram-template': {'filename': '/store.json'}}",
    };
    static const char *const devices[][3] = {
            {"x86_64", "q35", "uefi-vars-x64"},
            {"i386", "q35", "uefi-vars-x64"},
            {"aarch64", "virt", "uefi-vars-sysbus"},
            {"riscv64", "virt", "uefi-vars-sysbus"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(devices); i++) {
        g_auto(TestAnswer) f = {};
        g_autofree char *expected = g_strdup_printf(
                "-machine\n%s\n-bios\n@/rom\n-device\n%s,jsonfile=/vm/a,,b.json", devices[i][1],
                devices[i][2]);

        test_answer_describe(&f, mappings[i % G_N_ELEMENTS(mappings)], NULL, NULL);
        test_answer_resolve(&f, devices[i][0], devices[i][1], "/vm/a,b.json");
        assert_rendered(&f, expected, NULL);
    }
}

static void kernels_and_igvm_files(void) {
    g_auto(TestAnswer) kernel = {};
    g_auto(TestAnswer) igvm = {};

    test_answer_describe(&kernel, "{'device': 'kernel', 'filename': '/rom'}", NULL, NULL);
    test_answer_resolve(&kernel, "x86_64", "q35", NULL);
    assert_rendered(&kernel, "-machine\nq35\n-kernel\n@/rom", NULL);

    test_answer_describe(&igvm, "{'device': 'igvm', 'filename': '/a,b'}", NULL, NULL);
    test_write_text(igvm.root, "a,b", "igvm");
    catalog_unref(igvm.catalog);
    igvm.catalog = test_catalog(igvm.root);
    test_answer_resolve(&igvm, "x86_64", "q35", NULL);
    assert_rendered(
            &igvm, "-machine\nq35,igvm-cfg=igvm0\n-object\nigvm-cfg,id=igvm0,file=@/a,,b", NULL);
}

static void a_plain_file_name_is_not_escaped(void) {
    g_auto(TestAnswer) f = {};

    test_answer_describe(&f, "{'device': 'kernel', 'filename': '/a,b'}", NULL, NULL);
    test_write_text(f.root, "a,b", "kernel");
    catalog_unref(f.catalog);
    f.catalog = test_catalog(f.root);
    test_answer_resolve(&f, "x86_64", "q35", NULL);
    assert_rendered(&f, "-machine\nq35\n-kernel\n@/a,b", NULL);
}

/* -- copies and sizes -------------------------------------------------------------------- */

static void assert_needs_copy(const char *mapping) {
    g_auto(TestAnswer) f = {};
    g_autoptr(GError) error = NULL;
    g_autoptr(GError) legacy_error = NULL;

    test_answer_describe(&f, mapping, NULL, NULL);
    test_answer_resolve(&f, "x86_64", "q35", NULL);
    g_assert_null(render_qemu(f.resolution, &error));
    g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_INVALID_ARGS);
    g_assert_nonnull(strstr(error->message, "nvram-filename"));
    g_assert_null(render_qemu_legacy(f.resolution, &legacy_error));
    g_assert_error(legacy_error, FIRMWARE_ERROR, FIRMWARE_ERROR_INVALID_ARGS);
}

static void firmware_that_writes_needs_a_copy(void) {
    assert_needs_copy(NULL);
    assert_needs_copy("{'device': 'flash', 'mode': 'combined',"
                      " 'executable': {'filename': '/code.fd', 'format': 'raw'}}");
    assert_needs_copy(
            "{'device': 'memory', 'filename': '/rom', 'uefi-vars': {'template': '/store.json'}}");
}

static void without_a_copy_its_name_is_empty(void) {
    g_auto(TestAnswer) f = {};
    const FlashUnit *vars;

    test_answer_describe(&f, NULL, NULL, NULL);
    test_answer_resolve(&f, "x86_64", "q35", NULL);
    vars = f.resolution->flash->pdata[1];
    g_assert_cmpstr(vars->filename, ==, "");
    g_assert_null(f.resolution->nvram_filename);
}

static void sizes_are_as_the_guest_sees_them(void) {
    g_auto(TestAnswer) f = {};
    const CatalogFile *file;

    test_answer_describe(&f, NULL, NULL, NULL);
    test_write_sparse(f.root, "code.fd", 8192 - 100);
    test_write_sparse(f.root, "vars.fd", 4096 - 1);
    catalog_unref(f.catalog);
    f.catalog = test_catalog(f.root);
    test_answer_resolve(&f, "x86_64", "q35", NULL);
    file = test_find(f.catalog, "a");
    g_assert_cmpuint(file->images.executable.size, ==, 8092);
    g_assert_cmpuint(f.resolution->executable_size, ==, 8192);
    g_assert_cmpuint(f.resolution->nvram_template_size, ==, 4096);
}

static void machine_is_as_asked_unless_an_emulator_tells(void) {
    g_auto(TestAnswer) f = {};
    g_auto(TestAnswer) told = {};

    test_answer_describe(&f, NULL, NULL, NULL);
    test_answer_resolve(&f, "x86_64", "q35", NULL);
    g_assert_cmpstr(f.resolution->machine, ==, "q35");
    g_assert_cmpstr(f.resolution->architecture, ==, "x86_64");

    test_answer_describe(&told, NULL, NULL, NULL);
    machine_table_add_type(told.catalog->machines, "x86_64", "pc-q35-7.2", "q35");
    test_answer_resolve(&told, "x86_64", "q35", NULL);
    g_assert_cmpstr(told.resolution->machine, ==, "pc-q35-7.2");
}

/* Else QEMU would take it for another of its keys. */
static void a_machine_with_an_equals_sign_has_its_key(void) {
    g_auto(TestAnswer) f = {};

    test_answer_describe(
            &f, "{'device': 'kernel', 'filename': '/rom'}", "targets",
            "[{'architecture': 'x86_64', 'machines': ['*']}]");
    test_answer_resolve(&f, "x86_64", "a=b,c", NULL);
    assert_rendered(&f, "-machine\ntype=a=b,,c\n-kernel\n@/rom", NULL);
}

static void an_answer_outlives_its_catalog(void) {
    g_auto(TestAnswer) f = {};
    g_autofree char *path = NULL;

    test_answer_describe(&f, NULL, "description", "'kept'");
    path = test_below(f.root, "@/vendor/a.json");
    test_answer_resolve(&f, "x86_64", "q35", NULL);
    g_clear_pointer(&f.catalog, catalog_unref);
    g_clear_pointer(&f.request, request_free);
    resolution_set_nvram(f.resolution, "/vm/first", NULL);
    resolution_set_nvram(f.resolution, "/vm/second", NULL);

    g_assert_cmpstr(f.resolution->name, ==, "a");
    g_assert_cmpstr(f.resolution->path, ==, path);
    g_assert_cmpstr(f.resolution->descriptor->description, ==, "kept");
    g_assert_cmpstr(f.resolution->nvram_filename, ==, "/vm/second");
    g_assert_cmpstr(((FlashUnit *)f.resolution->flash->pdata[1])->filename, ==, "/vm/second");
    g_assert_cmpstr(((FlashUnit *)f.resolution->flash->pdata[0])->filename, !=, "/vm/second");
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(split_flash),
            TEST_CASE(secure_boot_with_smm),
            TEST_CASE(firmware_without_s3_disables_it),
            TEST_CASE(smm_without_secure_boot_needs_no_secure_flash),
            TEST_CASE(combined_flash_is_the_copy),
            TEST_CASE(boards_without_properties_get_drives),
            TEST_CASE(what_qemu_lacks_is_not_rendered),
            TEST_CASE(what_a_board_lacks_is_not_rendered),
            TEST_CASE(host_variables_bring_their_device),
            TEST_CASE(memory_is_bios),
            TEST_CASE(a_variable_store_is_a_device),
            TEST_CASE(kernels_and_igvm_files),
            TEST_CASE(a_plain_file_name_is_not_escaped),
            TEST_CASE(firmware_that_writes_needs_a_copy),
            TEST_CASE(without_a_copy_its_name_is_empty),
            TEST_CASE(sizes_are_as_the_guest_sees_them),
            TEST_CASE(a_machine_with_an_equals_sign_has_its_key),
            TEST_CASE(machine_is_as_asked_unless_an_emulator_tells),
            TEST_CASE(an_answer_outlives_its_catalog),
    };

    return test_main(argc, argv, "render", cases, G_N_ELEMENTS(cases));
}
