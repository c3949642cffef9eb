/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which code and variables belong together: of the shapes that distributions ship, and of those
 * that cannot boot. */

#include "util-catalog.h"
#include "util-volume.h"
#include "util.h"

#define MIB (1024 * 1024)
#define CODE_4M 3653632
#define VARS_4M 540672
#define CODE_2M 1966080
#define VARS_2M 131072
/* FvLength of AAVMF's and RISC-V's variables */
#define VARS_ARM 786432

/* One image: its volumes are as in test_write_volumes(), blank elsewhere; "?" is no volume. */
typedef struct Shape {
    gsize size;
    const char *volumes;
    guint64 length;
} Shape;

static const Shape code_4m = {CODE_4M, "c0", CODE_4M};
static const Shape vars_4m = {VARS_4M, "v0", VARS_4M};
static const Shape code_2m = {CODE_2M, "c0", CODE_2M};
static const Shape vars_2m = {VARS_2M, "v0", VARS_2M};
static const Shape code_arm = {64 * MIB, "c4096", 2 * MIB - 4096};
static const Shape vars_arm = {64 * MIB, "v0", VARS_ARM};
static const Shape blank_arm = {64 * MIB, "", 0};
static const Shape code_riscv = {32 * MIB, "c0", 8 * MIB};
static const Shape vars_riscv = {32 * MIB, "v0", VARS_ARM};

static void write_shape(const char *root, const char *name, const Shape *shape) {
    if (g_str_equal(shape->volumes, "?"))
        test_write_sparse(root, name, shape->size);
    else
        test_write_volumes(root, name, shape->size, 0, shape->volumes, shape->length);
}

static char *make_targets(const char *architecture) {
    const char *machines = g_str_equal(architecture, "x86_64") ? "pc-q35-*"
            : g_str_equal(architecture, "riscv64")             ? "virt"
                                                               : "virt-*";

    return g_strdup_printf("[{'architecture': '%s', 'machines': ['%s']}]", architecture, machines);
}

/* EXPECTED: the reasons, joined, with @ for the directory; "": the pair is usable. */
static void assert_pair(
        const char *architecture, const Shape *code, const Shape *vars, const char *expected) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autofree char *targets = make_targets(architecture);
    g_autofree char *reasons = test_below(root, expected);
    g_autoptr(Catalog) catalog = NULL;
    const CatalogFile *file;

    write_shape(root, "code.fd", code);
    write_shape(root, "vars.fd", vars);
    test_describe(root, "vendor/a.json", "targets", targets, NULL);
    catalog = test_catalog(root);
    file = test_find(catalog, "a");
    test_assert_joined(file->reasons, reasons);
    g_assert_cmpint(file->state == FIRMWARE_STATE_USABLE, ==, expected[0] == '\0');
    g_assert_cmpuint(catalog->problems->len, ==, expected[0] != '\0');
}

static void pairs_that_are_shipped(void) {
    static const struct {
        const char *architecture;
        const Shape *code;
        const Shape *vars;
    } pairs[] = {
            {"x86_64", &code_4m, &vars_4m},        {"x86_64", &code_2m, &vars_2m},
            {"aarch64", &code_arm, &vars_arm},     {"aarch64", &code_arm, &blank_arm},
            {"riscv64", &code_riscv, &vars_riscv},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(pairs); i++)
        assert_pair(pairs[i].architecture, pairs[i].code, pairs[i].vars, "");
}

static void parts_in_each_others_place(void) {
    static const char *const swapped =
            "bad-pair:@/code.fd: the image holds variables and no code, "
            "bad-pair:@/vars.fd: the template holds code, where a guest's variables belong";

    assert_pair("x86_64", &vars_4m, &code_4m, swapped);
    assert_pair("x86_64", &vars_2m, &code_2m, swapped);
    assert_pair("aarch64", &vars_arm, &code_arm, swapped);
    assert_pair("riscv64", &vars_riscv, &code_riscv, swapped);
}

/* The content of a qcow2 is unknown as well. */
static void sizes_tell_of_unknown_parts_in_each_others_place(void) {
    const Shape code = {VARS_4M, "?", 0};
    const Shape vars = {CODE_4M, "?", 0};

    assert_pair(
            "x86_64", &code, &vars,
            "bad-pair:@/vars.fd: the template has 3653632 bytes, the size of code, and @/code.fd "
            "has 540672, that of variables");
}

static void two_of_one_kind(void) {
    static const char *const code_twice =
            "bad-pair:@/vars.fd: the template holds code, where a guest's variables belong";
    static const char *const variables_twice =
            "bad-pair:@/code.fd: the image holds variables and no code";

    assert_pair("x86_64", &code_4m, &code_4m, code_twice);
    assert_pair("aarch64", &code_arm, &code_arm, code_twice);
    assert_pair("x86_64", &vars_4m, &vars_4m, variables_twice);
    assert_pair("aarch64", &vars_arm, &vars_arm, variables_twice);
}

#define MISFIT(vars, code, expected)                                                      \
    "bad-pair:@/vars.fd: the template has variables of " #vars " bytes, and the code in " \
    "@/code.fd, of " #code " bytes, uses " #expected

static void parts_of_two_builds(void) {
    const Shape unknown_code = {CODE_4M, "?", 0};
    const Shape unknown_vars = {VARS_2M, "?", 0};
    const Shape padded = {VARS_4M, "v0", VARS_2M};
    const Shape too_large = {MIB, "v0", VARS_4M};

    assert_pair("x86_64", &code_4m, &vars_2m, MISFIT(131072, 3653632, 540672));
    assert_pair("x86_64", &code_2m, &vars_4m, MISFIT(540672, 1966080, 131072));
    assert_pair("x86_64", &code_4m, &padded, MISFIT(131072, 3653632, 540672));
    assert_pair("x86_64", &unknown_code, &unknown_vars, MISFIT(131072, 3653632, 540672));
    /* the variables would lie elsewhere than where the code looks */
    assert_pair("x86_64", &code_4m, &too_large, MISFIT(1048576, 3653632, 540672));
}

static void code_that_is_blank_or_truncated(void) {
    const Shape blank = {CODE_4M, "", 0};
    const Shape truncated = {2 * MIB, "c0", CODE_4M};
    const Shape first_is_truncated = {64 * MIB, "c0", G_MAXUINT64};

    assert_pair(
            "x86_64", &blank, &vars_4m,
            "bad-pair:@/code.fd: the image is blank, and holds no code");
    assert_pair(
            "aarch64", &blank_arm, &vars_arm,
            "bad-pair:@/code.fd: the image is blank, and holds no code");
    assert_pair(
            "x86_64", &truncated, &vars_4m,
            "bad-pair:@/code.fd: the image is truncated: it has 2097152 bytes, and its last "
            "firmware volume ends at 3653632");
    assert_pair(
            "aarch64", &first_is_truncated, &vars_arm,
            "bad-pair:@/code.fd: the image is truncated: it has 67108864 bytes, and its last "
            "firmware volume ends at 9223372036854775807");
}

static void templates_that_no_firmware_formats(void) {
    const Shape blank_4m = {VARS_4M, "", 0};
    const Shape blank_2m = {VARS_2M, "", 0};
    const Shape truncated = {65536, "v0", VARS_2M};
    const Shape truncated_arm = {65536, "v0", VARS_ARM};
    const Shape unknown_code = {8192, "?", 0};

    assert_pair(
            "x86_64", &code_4m, &blank_4m,
            "bad-pair:@/vars.fd: the template is blank, and OVMF does not format it");
    assert_pair(
            "x86_64", &code_2m, &blank_2m,
            "bad-pair:@/vars.fd: the template is blank, and OVMF does not format it");
    assert_pair(
            "x86_64", &unknown_code, &truncated,
            "bad-pair:@/vars.fd: the image is truncated: it has 65536 bytes, and its last firmware "
            "volume ends at 131072");
    /* AAVMF formats both */
    assert_pair("aarch64", &code_arm, &blank_2m, "");
    assert_pair("aarch64", &code_arm, &truncated_arm, "");
}

/* AAVMF formats these, too, and whatever keys they have are gone. */
static void templates_of_firmware_for_x86(void) {
    const Shape padded = {64 * MIB, "v0", VARS_4M};
    const Shape unknown = {64 * MIB, "v0", 4 * VARS_2M};

    assert_pair(
            "aarch64", &code_arm, &vars_2m,
            "bad-pair:@/vars.fd: the template has variables of 131072 bytes, as firmware for x86 "
            "has, and the code in @/code.fd erases them: it uses 786432");
    assert_pair(
            "aarch64", &code_arm, &padded,
            "bad-pair:@/vars.fd: the template has variables of 540672 bytes, as firmware for x86 "
            "has, and the code in @/code.fd erases them: it uses 786432");
    assert_pair("aarch64", &code_arm, &unknown, "");
}

static void unknown_content_proves_nothing(void) {
    const Shape code = {8192, "?", 0};
    const Shape vars = {4096, "?", 0};
    const Shape blank = {4096, "", 0};

    assert_pair("x86_64", &code, &vars, "");
    assert_pair("x86_64", &code, &blank, "");
}

static void assert_whole(
        const char *member, const char *mapping, const char *interface, const char *expected) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autofree char *interfaces = g_strdup_printf("['%s']", interface);
    g_autoptr(Catalog) catalog = NULL;

    test_write_volumes(root, "whole.fd", 2 * MIB, 0, "v0 c131072", VARS_2M);
    test_write_volumes(root, "blank.fd", 2 * MIB, 0xff, "", 0);
    write_shape(root, "vars.fd", &vars_2m);
    test_describe(
            root, "vendor/a.json", member, mapping, "interface-types", interfaces, "features", "[]",
            NULL);
    catalog = test_catalog(root);
    {
        g_autofree char *reasons = test_below(root, expected);
        test_assert_joined(test_find(catalog, "a")->reasons, reasons);
    }
}

static void an_image_with_both(void) {
    assert_whole(
            "mapping",
            "{'device': 'flash', 'mode': 'combined', 'executable':"
            " {'filename': '/whole.fd', 'format': 'raw'}}",
            "uefi", "");
    assert_whole("mapping", "{'device': 'memory', 'filename': '/whole.fd'}", "uefi", "");
    assert_whole(
            "mapping",
            "{'device': 'flash', 'executable': {'filename': '/whole.fd', 'format': 'raw'},"
            " 'nvram-template': {'filename': '/vars.fd', 'format': 'raw'}}",
            "uefi",
            "bad-pair:@/whole.fd: the image holds code and variables: the guest would not use "
            "those of @/vars.fd");
}

static void other_firmware_has_other_content(void) {
    static const char *const blank = "{'device': 'memory', 'filename': '/blank.fd'}";

    assert_whole("mapping", blank, "bios", "");
    assert_whole("mapping", "{'device': 'kernel', 'filename': '/blank.fd'}", "uefi", "");
    assert_whole(
            "mapping", blank, "uefi", "bad-pair:@/blank.fd: the image is blank, and holds no code");
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(pairs_that_are_shipped),
            TEST_CASE(parts_in_each_others_place),
            TEST_CASE(sizes_tell_of_unknown_parts_in_each_others_place),
            TEST_CASE(two_of_one_kind),
            TEST_CASE(parts_of_two_builds),
            TEST_CASE(code_that_is_blank_or_truncated),
            TEST_CASE(templates_that_no_firmware_formats),
            TEST_CASE(templates_of_firmware_for_x86),
            TEST_CASE(unknown_content_proves_nothing),
            TEST_CASE(an_image_with_both),
            TEST_CASE(other_firmware_has_other_content),
    };

    return test_main(argc, argv, "pair", cases, G_N_ELEMENTS(cases));
}
