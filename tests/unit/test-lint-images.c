/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include "util-lint.h"
#include "util-volume.h"

/* What images say of a descriptor. */

#define SPLIT(code, variables)                              \
    "{'device': 'flash', 'executable': {'filename': '" code \
    "', 'format': 'raw'}, 'nvram-template': {'filename': '" variables "', 'format': 'raw'}}"

static void images_that_are_not_there(void) {
    g_autoptr(TestDir) root = test_lint_new();

    test_assert_lint(
            root, "mapping", SPLIT("/a", "/b"),
            "a:/mapping/executable/filename: error: @/a is not there\n"
            "a:/mapping/nvram-template/filename: error: @/b is not there");
    test_assert_lint(
            root, "mapping", "{'device': 'kernel', 'filename': '/a'}",
            "a:/mapping/filename: error: @/a is not there");
    test_assert_lint(
            root, "mapping",
            "{'device': 'memory', 'filename': '/a', 'uefi-vars': {'template': '/b'}}",
            "a:/mapping/filename: error: @/a is not there\n"
            "a:/mapping/uefi-vars/template: error: @/b is not there");
    test_assert_lint(
            root, "mapping",
            "{'device': 'memory', 'executable': {'filename': '/a'},"
            " 'nvram-template': {'filename': '/b'}}",
            "a:/mapping/executable/filename: error: @/a is not there\n"
            "a:/mapping/nvram-template/filename: error: @/b is not there");
}

static void images_that_are_something_else(void) {
    g_autoptr(TestDir) root = test_lint_new();
    g_autofree char *large = g_strnfill(1048577, ' ');

    large[0] = '{';
    test_write(root, "large.json", large, 1048577);
    test_write_sparse(root, "rom", 65536);
    test_assert_lint(
            root, "mapping",
            "{'device': 'memory', 'filename': '/rom', 'uefi-vars': {'template': '/large.json'}}",
            "a:/mapping/uefi-vars/template: error: @/large.json has 1048577 bytes, a JSON store at "
            "most 1048576");
    g_free(test_mkdir(root, "directory"));
    test_assert_lint(
            root, "mapping", SPLIT("/directory", "/vars.fd"),
            "a:/mapping/executable/filename: error: @/directory cannot be read, or is no regular "
            "file");
    test_assert_lint(
            root, "mapping",
            "{'device': 'flash', 'executable': {'filename': '/code.fd', 'format': 'qcow2'},"
            " 'nvram-template': {'filename': '/vars.fd', 'format': 'vmdk'}}",
            "a:/mapping/executable/format: error: @/code.fd is not of format qcow2, or a flash "
            "cannot be of it\n"
            "a:/mapping/nvram-template/format: error: unknown format \"vmdk\": raw or qcow2 is "
            "needed");
    test_assert_lint(
            root, "mapping",
            "{'device': 'flash', 'executable': {'filename': '/code.fd', 'format': ''},"
            " 'nvram-template': {'filename': '/vars.fd', 'format': 'raw'}}",
            "a:/mapping/executable/format: error: the format is empty: raw or qcow2 is needed");
}

/* -- machines ---------------------------------------------------------------------------- */

/* A backing file; QEMU's docs/interop/qcow2.txt: backing_file_offset. */
static void images_that_name_another_file(void) {
    g_autoptr(TestDir) root = test_lint_new();
    guint8 header[TEST_QCOW2_SIZE];

    test_qcow2_header(header, 540672);
    header[15] = 72;
    test_write(root, "vars.qcow2", header, sizeof header);
    test_assert_lint(
            root, "mapping",
            "{'device': 'flash', 'executable': {'filename': '/code.fd', 'format': 'raw'},"
            " 'nvram-template': {'filename': '/vars.qcow2', 'format': 'qcow2'}}",
            "a:/mapping/nvram-template/filename: error: @/vars.qcow2 names another file: no "
            "virtual machine is made from it");
}

static void images_that_fit_no_machine(void) {
    g_autoptr(TestDir) root = test_lint_new();

    test_write_sparse(root, "code.fd", 4097);
    test_assert_lint(
            root, NULL, NULL,
            "a:/targets/0/machines/0: error: @/code.fd: the image has 4608 bytes, and "
            "flash unit 0 sectors of 4096 (machine pc-q35-*)");
}

static void machines_that_are_none(void) {
    g_autoptr(TestDir) root = test_lint_new();

    test_assert_lint(
            root, "targets", "[{'architecture': 'x86_64', 'machines': ['q35']}]",
            "a:/targets/0/machines/0: error: q35 matches no machine type; it has its full "
            "name, as pc-q35-*, not an alias");
    test_assert_lint(
            root, "targets",
            "[{'architecture': 'x86_64', 'machines': ['pc-q35-*', 'q35', 'microvm', 'new']}]",
            "a:/targets/0/machines/1: warning: q35 matches no machine type; it has its full "
            "name, as pc-q35-*, not an alias\n"
            "a:/targets/0/machines/2: warning: no flash for these images is known on machine "
            "microvm, and none is recorded\n"
            "a:/targets/0/machines/3: warning: no flash for these images is known on machine new, "
            "and none is recorded");
}

static void what_is_recorded_has_to_be_right(void) {
    g_autoptr(TestDir) root = test_lint_new();

    test_assert_lint(
            root, "mapping",
            "{'device': 'flash', 'executable': {'filename': '/code.fd', 'format': 'raw',"
            "  'flash': {'width': 1, 'name': 'x', 'big-endian': true, 'num-blocks': 892}},"
            " 'nvram-template': {'filename': '/vars.fd', 'format': 'raw',"
            "  'flash': {'num-blocks': 131}}}",
            "a:/mapping/executable/flash/name: error: x is recorded, and machine pc-q35-* has "
            "system.flash0\n"
            "a:/mapping/executable/flash/big-endian: error: true is recorded, and machine pc-q35-* "
            "has false\n"
            "a:/mapping/nvram-template/flash/num-blocks: error: 131 is recorded, and machine "
            "pc-q35-* has 132");
}

static void what_is_recorded_serves_an_unknown_machine(void) {
    g_autoptr(TestDir) root = test_lint_new();

    test_describe(
            root, "vendor/a.json", "features", "[]", "mapping",
            "{'device': 'flash', 'mode': 'stateless', 'executable': {'filename': '/code.fd',"
            " 'format': 'raw', 'flash': {'num-blocks': 892, 'sector-length': 4096, 'width': 1,"
            "  'phys-addr': 0, 'name': 'flash'}}}",
            "targets", "[{'architecture': 'x86_64', 'machines': ['new-*']}]", NULL);
    test_assert_findings(root, "@/vendor", "");
}

static void a_mismatch_is_told_once(void) {
    g_autoptr(TestDir) root = test_lint_new();

    test_describe(
            root, "vendor/a.json", "features", "[]", "mapping",
            "{'device': 'flash', 'mode': 'stateless', 'executable': {'filename': '/code.fd',"
            " 'format': 'raw', 'flash': {'width': 4}}}",
            "targets",
            "[{'architecture': 'x86_64', 'machines': ['pc-q35-*', 'pc-i440fx-*']},"
            " {'architecture': 'i386', 'machines': ['pc-q35-*']}]",
            NULL);
    test_assert_findings(
            root, "@/vendor",
            "@/vendor/a.json:/mapping/executable/flash/width: error: 4 is recorded, and machine "
            "pc-q35-* has 1");
}

/* -- code and variables ------------------------------------------------------------------ */

static void parts_of_two_images(void) {
    g_autoptr(TestDir) root = test_lint_new();

    test_write_sparse(root, "vars.fd", 131072);
    test_assert_lint(
            root, NULL, NULL,
            "a:/mapping: error: @/vars.fd: the template has variables of 131072 bytes, and the "
            "code in @/code.fd, of 3653632 bytes, uses 540672");
    test_write_sparse(root, "vars.fd", 131072 + 4096);
    test_assert_lint(
            root, NULL, NULL,
            "a:/mapping: warning: @/code.fd (3653632 bytes) and @/vars.fd (135168 bytes) are no "
            "parts of one image, whose size is a power of two");
    /* other firmware has other rules, and so have other boards */
    test_assert_lint(root, "interface-types", "['uboot']", "");
    test_write_sparse(root, "code.fd", 64 * 1024 * 1024);
    test_assert_lint(root, "targets", "[{'architecture': 'aarch64', 'machines': ['virt-*']}]", "");
}

/* A kernel that says split all the same has no template. */
static void elsewhere_than_in_flash_are_no_parts(void) {
    g_autoptr(TestDir) root = test_lint_new();

    test_write_sparse(root, "rom", 196608);
    test_assert_lint(
            root, "mapping", "{'device': 'kernel', 'mode': 'split', 'filename': '/rom'}", "");
    test_write_text(root, "store", "{\"version\": 2, \"variables\": []}");
    test_assert_lint(
            root, "mapping",
            "{'device': 'memory', 'mode': 'split', 'filename': '/rom',"
            " 'uefi-vars': {'template': '/store'}}",
            "");
}

static void code_and_variables_in_each_others_place(void) {
    g_autoptr(TestDir) root = test_lint_new();

    test_write_volumes(root, "code.fd", 3653632, 0xff, "c0", 3440640);
    test_write_volumes(root, "vars.fd", 540672, 0xff, "v0", 540672);
    test_assert_lint(root, NULL, NULL, "");
    test_assert_lint(
            root, "mapping", SPLIT("/vars.fd", "/code.fd"),
            "a:/mapping: error: @/vars.fd: the image holds variables and no code\n"
            "a:/mapping: error: @/code.fd: the template holds code, where a guest's variables "
            "belong");
}

static void a_whole_image_is_code(void) {
    g_autoptr(TestDir) root = test_lint_new();

    test_write_volumes(root, "whole.fd", 2097152, 0xff, "v0 c131072", 131072);
    test_assert_lint(
            root, "mapping",
            "{'device': 'flash', 'mode': 'combined', 'executable':"
            " {'filename': '/whole.fd', 'format': 'raw'}}",
            "");
}

/* -- features ---------------------------------------------------------------------------- */

#define SECURE_BOOT \
    "a:/features: warning: secure-boot without requires-smm: on x86 the guest can change its keys"

static void secure_boot_without_smm(void) {
    g_autoptr(TestDir) root = test_lint_new();

    test_assert_lint(root, "features", "['secure-boot']", SECURE_BOOT);
    test_assert_lint(root, "features", "['secure-boot', 'requires-smm']", "");
    test_assert_lint(root, "features", "['requires-smm']", "");
}

static void secure_boot_elsewhere_needs_no_smm(void) {
    g_autoptr(TestDir) root = test_lint_new();

    test_write_sparse(root, "rom", 65536);
    test_describe(
            root, "vendor/a.json", "features", "['secure-boot']", "mapping",
            "{'device': 'memory', 'filename': '/rom'}", NULL);
    test_describe(
            root, "vendor/b.json", "features", "['secure-boot']", "mapping",
            "{'device': 'flash', 'mode': 'stateless', 'executable':"
            " {'filename': '/code.fd', 'format': 'raw'}}",
            NULL);
    test_write_sparse(root, "large", 64 * 1024 * 1024);
    test_describe(
            root, "vendor/c.json", "features", "['secure-boot']", "mapping",
            SPLIT("/large", "/vars.fd"), "targets",
            "[{'architecture': 'aarch64', 'machines': ['virt-*']}]", NULL);
    test_assert_findings(root, "@/vendor", "");
}

#define MEMORY "{'device': 'memory', 'filename': '/tdx.fd'}"
#define SNP_IN_FLASH                                                                               \
    "@/vendor/b.json:/mapping/device: error: amd-sev-snp in flash: such a guest takes no pflash; " \
    "the device is memory"

static void confidential_guests_take_no_flash(void) {
    g_autoptr(TestDir) root = test_lint_new();

    test_write_sparse(root, "tdx.fd", 65536);
    test_describe(
            root, "vendor/a.json", "features", "['amd-sev-snp', 'intel-tdx']", "mapping", MEMORY,
            NULL);
    test_describe(
            root, "vendor/b.json", "features", "['amd-sev', 'amd-sev-es', 'amd-sev-snp']", NULL);
    test_assert_findings(root, "@/vendor", SNP_IN_FLASH);
}

static void write_code(const char *root, const char *entries) {
    g_autofree guint8 *image = g_malloc(65536);

    memset(image, 0xff, 65536);
    test_put_guid_table(image, 65536, entries);
    test_put_volume(image, FALSE, 65536);
    test_write(root, "tdx.fd", image, 65536);
}

static void what_the_table_of_guids_denies(void) {
    static const struct {
        const char *entries;
        const char *expected;
    } images[] = {
            {"st", ""},
            {"s",
             "@/vendor/a.json:/features: error: intel-tdx: @/tdx.fd has no TDX metadata in its "
             "table of GUIDs"},
            {"t",
             "@/vendor/a.json:/features: error: amd-sev-snp: @/tdx.fd has no SEV metadata in its "
             "table of GUIDs"},
    };
    g_autoptr(TestDir) root = test_lint_new();

    test_describe(
            root, "vendor/a.json", "features", "['amd-sev-snp', 'intel-tdx']", "mapping", MEMORY,
            NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(images); i++) {
        write_code(root, images[i].entries);
        test_assert_findings(root, "@/vendor", images[i].expected);
    }
    /* of another kind of image nothing is known */
    test_write_sparse(root, "tdx.fd", 65536);
    test_assert_findings(root, "@/vendor", "");
}

#define CLUSTER 65536

static void put_be64(guint8 *bytes, guint64 value) {
    value = GUINT64_TO_BE(value);
    memcpy(bytes, &value, sizeof value);
}

/* Of two clusters that the guest sees, the second is said to be compressed, and is not. */
static void write_broken_qcow2(const char *root, gboolean is_zstd) {
    g_autofree guint8 *image = g_malloc0(5 * CLUSTER);

    test_qcow2_header(image, 2 * CLUSTER);
    image[39] = 1;                 /* l1_size */
    put_be64(image + 40, CLUSTER); /* l1_table_offset */
    put_be64(image + CLUSTER, 2 * CLUSTER);
    put_be64(image + 2 * CLUSTER, 3 * CLUSTER);
    put_be64(image + 2 * CLUSTER + 8, G_GUINT64_CONSTANT(1) << 62 | 4 * CLUSTER);
    if (is_zstd) {
        image[79] = 8;    /* incompatible_features: compression type */
        image[103] = 112; /* header_length */
        image[104] = 1;
    }
    test_put_volume(image + 3 * CLUSTER, FALSE, 2 * CLUSTER);
    memset(image + 4 * CLUSTER, 0xff, CLUSTER);
    test_write(root, "code.qcow2", image, 5 * CLUSTER);
}

/* The next file is checked. */
static void an_image_that_cannot_be_read_to_its_end(void) {
    static const char in_flash[] =
            "@/vendor/a.json:/mapping/device: error: amd-sev-snp in flash: such a guest takes no "
            "pflash; the device is memory\n"
            "@/vendor/a.json:/mapping/device: error: intel-tdx in flash: such a guest takes no "
            "pflash; the device is memory\n";
    static const char next[] = "@/vendor/b.json:/features/0: warning: unknown feature \"x\"";
    g_autoptr(TestDir) root = test_lint_new();
    g_autofree char *known = g_strconcat(in_flash, next, NULL);
    g_autofree char *broken = g_strconcat(
            in_flash,
            "@/vendor/a.json:/mapping: error: @/code.qcow2 cannot be read to its end: Structure "
            "needs cleaning\n",
            next, NULL);

    test_describe(
            root, "vendor/a.json", "features", "['amd-sev-snp', 'intel-tdx']", "mapping",
            "{'device': 'flash', 'mode': 'stateless', 'executable':"
            " {'filename': '/code.qcow2', 'format': 'qcow2'}}",
            NULL);
    test_describe(root, "vendor/b.json", "features", "['x']", NULL);
    write_broken_qcow2(root, FALSE);
    test_assert_findings(root, "@/vendor", broken);
    write_broken_qcow2(root, TRUE);
    test_assert_findings(root, "@/vendor", known);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(images_that_are_not_there),
            TEST_CASE(images_that_are_something_else),
            TEST_CASE(images_that_name_another_file),
            TEST_CASE(images_that_fit_no_machine),
            TEST_CASE(machines_that_are_none),
            TEST_CASE(what_is_recorded_has_to_be_right),
            TEST_CASE(what_is_recorded_serves_an_unknown_machine),
            TEST_CASE(a_mismatch_is_told_once),
            TEST_CASE(parts_of_two_images),
            TEST_CASE(elsewhere_than_in_flash_are_no_parts),
            TEST_CASE(code_and_variables_in_each_others_place),
            TEST_CASE(a_whole_image_is_code),
            TEST_CASE(secure_boot_without_smm),
            TEST_CASE(secure_boot_elsewhere_needs_no_smm),
            TEST_CASE(confidential_guests_take_no_flash),
            TEST_CASE(what_the_table_of_guids_denies),
            TEST_CASE(an_image_that_cannot_be_read_to_its_end),
    };

    return test_main(argc, argv, "lint-images", cases, G_N_ELEMENTS(cases));
}
