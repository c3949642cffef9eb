/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/qemu.h"

#include "core/architecture.h"
#include "core/needs.h"
#include "util-catalog.h"

static const char *const nothing[] = {NULL};

/* -- versions ---------------------------------------------------------------------------- */

static void versions_are_read_and_ordered(void) {
    static const char *const ordered[] = {"4.0",  "7.2",    "7.2.22", "8.1.0",
                                          "10.0", "10.0.2", "11.0"};
    static const char *const bad[] = {"",     "7",     "7.",  ".2",   "7.2.1.1", "7.2a",
                                      "-7.2", "7.256", "0.0", " 7.2", "v7.2"};
    QemuVersion before = 0;

    for (gsize i = 0; i < G_N_ELEMENTS(ordered); i++) {
        QemuVersion version = 0;

        g_assert_true(qemu_version_from_string(ordered[i], &version));
        g_assert_cmpuint(version, >, before);
        before = version;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(qemu_version_from_string(bad[i], &before));
}

/* -- boards ------------------------------------------------------------------------------ */

static void assert_board(
        const MachineTable *table, const char *architecture, const char *version_text,
        guint64 sector_length, gboolean has_properties) {
    QemuVersion version = 0;
    Machine machine;

    g_assert_true(!version_text || qemu_version_from_string(version_text, &version));
    machine = machine_table_resolve_for(table, architecture, "virt", version);
    g_assert_cmpuint(machine.board->sector_length, ==, sector_length);
    g_assert_true(machine_has_pflash_properties(&machine) == has_properties);
}

static void boards_differ_by_version(void) {
    g_autoptr(MachineTable) table = test_shipped_machines();

    assert_board(table, "riscv64", "8.0.5", 0x40000, FALSE);
    assert_board(table, "riscv64", "8.1", 0x40000, TRUE);
    assert_board(table, "riscv64", NULL, 0x40000, TRUE);
    assert_board(table, "loongarch64", "9.0.4", 0x20000, TRUE);
    assert_board(table, "loongarch64", "9.1", 0x40000, TRUE);
    assert_board(table, "loongarch64", "7.2", 0x40000, TRUE);
    assert_board(table, "loongarch64", NULL, 0x40000, TRUE);

    machine_table_add_emulator(table, "riscv64", QEMU_VERSION(7, 2, 22), nothing);
    machine_table_add_emulator(table, "loongarch64", QEMU_VERSION(9, 0, 0), nothing);
    assert_board(table, "riscv64", NULL, 0x40000, FALSE);
    assert_board(table, "riscv64", "10.0", 0x40000, TRUE);
    assert_board(table, "loongarch64", NULL, 0x20000, TRUE);
}

static void an_alias_is_the_word_of_the_qemu_that_counts(void) {
    g_autoptr(MachineTable) table = test_shipped_machines();
    Machine machine;

    machine_table_add_emulator(table, "x86_64", QEMU_VERSION(7, 2, 22), nothing);
    machine_table_add_type(table, "x86_64", "pc-q35-7.2", "q35");
    machine = machine_table_resolve_for(table, "x86_64", "q35", QEMU_VERSION(7, 2, 22));
    g_assert_cmpstr(machine.name, ==, "pc-q35-7.2");
    machine = machine_table_resolve_for(table, "x86_64", "q35", QEMU_VERSION(6, 2, 0));
    g_assert_cmpstr(machine.name, ==, "q35");
    g_assert_cmpstr(machine.canonical, ==, "pc-q35-10.0");
}

/* -- what is lacking --------------------------------------------------------------------- */

static void assert_lacking_on(
        const char *architecture, const char *machine_name, const char *mapping,
        const char *features, QemuVersion version, const char *const *lacks, const char *expected) {
    g_autoptr(MachineTable) table = test_shipped_machines();
    g_autofree char *document = test_document("mapping", mapping, "features", features, NULL);
    g_autoptr(Descriptor) descriptor = test_parse(document);
    g_autoptr(GPtrArray) lacking = NULL;
    Machine machine;

    if (lacks)
        machine_table_add_emulator(table, architecture, version, lacks);
    machine = machine_table_resolve_for(table, architecture, machine_name, lacks ? 0 : version);
    lacking = needs_find_lacking(descriptor, &machine);
    g_ptr_array_add(lacking, NULL);
    test_assert_joined((GStrv)lacking->pdata, expected);
}

static void assert_lacking(
        const char *architecture, const char *mapping, const char *features, QemuVersion version,
        const char *const *lacks, const char *expected) {
    assert_lacking_on(
            architecture, architecture_is_x86(architecture) ? "q35" : "virt", mapping, features,
            version, lacks, expected);
}

#define IGVM "{'device': 'igvm', 'filename': '/x'}"
#define ROM "{'device': 'memory', 'filename': '/x'}"
#define STORE "{'device': 'memory', 'filename': '/x', 'uefi-vars': {'template': '/y'}}"
#define FLASH \
    "{'device': 'flash', 'mode': 'stateless', 'executable': {'filename': '/x', 'format': 'raw'}}"
#define COMBINED \
    "{'device': 'flash', 'mode': 'combined', 'executable': {'filename': '/x', 'format': 'raw'}}"
#define HOST_VARS "['host-uefi-vars']"
#define SMM "['requires-smm']"

static void what_a_version_lacks(void) {
    assert_lacking("x86_64", IGVM, "[]", QEMU_VERSION(10, 0, 9), NULL, "igvm-cfg");
    assert_lacking("x86_64", IGVM, "[]", QEMU_VERSION(10, 1, 0), NULL, "");
    assert_lacking("x86_64", IGVM, "[]", 0, NULL, "");
    assert_lacking("x86_64", STORE, "[]", QEMU_VERSION(9, 2, 0), NULL, "uefi-vars-x64");
    assert_lacking("aarch64", STORE, "[]", QEMU_VERSION(9, 2, 0), NULL, "uefi-vars-sysbus");
    assert_lacking("aarch64", STORE, "[]", QEMU_VERSION(10, 0, 0), NULL, "");
    assert_lacking("x86_64", ROM, "[]", QEMU_VERSION(7, 2, 0), NULL, "");
    assert_lacking("x86_64", ROM, HOST_VARS, QEMU_VERSION(7, 2, 0), NULL, "uefi-vars-x64");
    assert_lacking("x86_64", FLASH, HOST_VARS, QEMU_VERSION(7, 2, 0), NULL, "uefi-vars-x64");
    assert_lacking("x86_64", COMBINED, HOST_VARS, QEMU_VERSION(7, 2, 0), NULL, "");
    assert_lacking("loongarch64", FLASH, "[]", QEMU_VERSION(8, 2, 0), NULL, "pflash0");
    assert_lacking("loongarch64", FLASH, "[]", QEMU_VERSION(9, 0, 0), NULL, "");
    assert_lacking("loongarch64", ROM, "[]", QEMU_VERSION(7, 2, 0), NULL, "");
}

/* Whatever the version, and what the emulator says of its types. */
static void what_a_board_lacks(void) {
    static const char *const x86[] = {"q35", "pc", "microvm", "isapc", "x-remote"};

    for (gsize i = 0; i < G_N_ELEMENTS(x86); i++) {
        const gboolean has_flash = i != 2 && i != 3;

        assert_lacking_on("x86_64", x86[i], ROM, SMM, QEMU_VERSION(7, 2, 0), nothing, "");
        assert_lacking_on("i386", x86[i], IGVM, "[]", 0, NULL, has_flash ? "" : "igvm-cfg");
        assert_lacking_on(
                "x86_64", x86[i], STORE, "[]", QEMU_VERSION(10, 1, 0), nothing,
                has_flash ? "" : "uefi-vars-x64");
    }
    assert_lacking_on("aarch64", "virt", ROM, SMM, 0, NULL, "smm");
    assert_lacking_on("aarch64", "sbsa-ref", FLASH, SMM, QEMU_VERSION(10, 0, 0), nothing, "smm");
    assert_lacking_on("riscv64", "new", ROM, SMM, 0, NULL, "smm");
    assert_lacking_on("aarch64", "virt", IGVM, "[]", QEMU_VERSION(10, 1, 0), nothing, "igvm-cfg");
    assert_lacking_on("aarch64", "virt", IGVM, SMM, 0, NULL, "smm, igvm-cfg");
}

/* Debian builds 10.1 without libigvm, and another may take a device over into an older one. */
static void what_an_emulator_says_goes_before_its_version(void) {
    static const char *const igvm[] = {"igvm-cfg", NULL};

    assert_lacking("x86_64", IGVM, "[]", QEMU_VERSION(10, 1, 0), igvm, "igvm-cfg");
    assert_lacking("x86_64", IGVM, "[]", QEMU_VERSION(9, 2, 0), nothing, "");
    assert_lacking("x86_64", STORE, "[]", QEMU_VERSION(9, 2, 0), igvm, "");
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(versions_are_read_and_ordered),
            TEST_CASE(boards_differ_by_version),
            TEST_CASE(an_alias_is_the_word_of_the_qemu_that_counts),
            TEST_CASE(what_a_version_lacks),
            TEST_CASE(what_a_board_lacks),
            TEST_CASE(what_an_emulator_says_goes_before_its_version),
    };

    return test_main(argc, argv, "qemu", cases, G_N_ELEMENTS(cases));
}
