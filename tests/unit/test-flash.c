/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/flash.h"

#include <string.h>

#include "util.h"

#define MIB (1024 * 1024)
#define PC_MAX (8 * MIB)
#define VIRT_UNIT (64 * MIB)

/* One question about a firmware whose images are /code.fd and /vars.fd. */
typedef struct Question {
    const char *mapping; /* NULL: split flash */
    const char *features;
    const char *architecture;
    const char *machine;
    guint64 size;
    guint64 template_size;
} Question;

#define FLASH(mode)                           \
    "{'device': 'flash', 'mode': '" mode "'," \
    " 'executable': {'filename': '/code.fd', 'format': 'raw'}}"

/* The units, or NULL with the reasons, joined by ", ". */
static GPtrArray *ask(const Question *question, char **ret_reasons) {
    g_autoptr(MachineTable) machines = test_shipped_machines();
    g_autofree char *document = question->mapping
            ? test_document("mapping", question->mapping, NULL)
            : test_document("features", question->features ? question->features : "[]", NULL);
    g_autoptr(Descriptor) descriptor = test_parse(document);
    Machine machine = machine_table_resolve(machines, question->architecture, question->machine);
    const FirmwareImages images = {
            .executable.size = question->size, .nvram_template.size = question->template_size};
    g_autoptr(GPtrArray) reasons = g_ptr_array_new_with_free_func(g_free);
    GPtrArray *units = NULL;
    gboolean fits = flash_fit(descriptor, &images, &machine, reasons, &units);

    g_assert_cmpint(fits, ==, reasons->len == 0);
    g_ptr_array_add(reasons, NULL);
    *ret_reasons = g_strjoinv(", ", (char **)reasons->pdata);
    return units;
}

static GPtrArray *ask_fitting(const Question *question) {
    g_autofree char *reasons = NULL;
    GPtrArray *units = ask(question, &reasons);

    g_assert_cmpstr(reasons, ==, "");
    g_assert_nonnull(units);
    return units;
}

static void assert_reasons(const Question *question, const char *expected) {
    g_autofree char *reasons = NULL;
    g_autoptr(GPtrArray) units = ask(question, &reasons);

    g_assert_cmpstr(reasons, ==, expected);
    if (expected[0])
        g_assert_null(units);
}

static void assert_place(
        const FlashUnit *unit, guint64 phys_addr, guint32 num_blocks, guint64 size) {
    g_assert_cmphex(unit->phys_addr, ==, phys_addr);
    g_assert_cmpuint(unit->num_blocks, ==, num_blocks);
    g_assert_cmpuint(unit->size, ==, size);
    g_assert_cmpuint(unit->size, ==, num_blocks * unit->sector_length);
}

/* -- where QEMU was asked ---------------------------------------------------------------- */

typedef struct PcExample {
    guint64 size;
    guint32 num_blocks;
    guint64 base;
    guint64 template_size;
    guint32 template_num_blocks;
    guint64 template_base;
} PcExample;

static void pc_units_are_stacked_down_from_4_gib(void) {
    static const PcExample examples[] = {
            {1966080, 480, 0xffe20000, 131072, 32, 0xffe00000},
            {3653632, 892, 0xffc84000, 540672, 132, 0xffc00000},
            {65536, 16, 0xffff0000, 4096, 1, 0xfffef000},
            {4096, 1, 0xfffff000, PC_MAX - 4096, 2047, 0xff800000},
            {PC_MAX - 4096, 2047, 0xff801000, 4096, 1, 0xff800000},
    };
    static const char *const machines[] = {"pc-q35-7.2", "q35", "pc-i440fx-10.0", "pc"};

    for (gsize i = 0; i < G_N_ELEMENTS(examples); i++)
        for (gsize j = 0; j < G_N_ELEMENTS(machines); j++) {
            const PcExample *e = &examples[i];
            g_autoptr(GPtrArray) units =
                    ask_fitting(&(Question){.architecture = j % 2 ? "i386" : "x86_64",
                                            .machine = machines[j],
                                            .size = e->size,
                                            .template_size = e->template_size});

            g_assert_cmpuint(units->len, ==, 2);
            assert_place(units->pdata[0], e->base, e->num_blocks, e->size);
            assert_place(
                    units->pdata[1], e->template_base, e->template_num_blocks, e->template_size);
        }
}

typedef struct FixedExample {
    const char *architecture;
    const char *machine;
    guint64 unit_size;
    guint32 num_blocks;
    guint64 base[2];
} FixedExample;

static const FixedExample fixed_examples[] = {
        {"aarch64", "virt", 0x4000000, 256, {0, 0x4000000}},
        {"arm", "virt-2.6", 0x4000000, 256, {0, 0x4000000}},
        {"aarch64", "sbsa-ref", 0x10000000, 1024, {0, 0x10000000}},
        {"riscv64", "virt", 0x2000000, 128, {0x20000000, 0x22000000}},
        {"riscv32", "virt", 0x2000000, 128, {0x20000000, 0x22000000}},
        {"arm", "vexpress-a9", 0x4000000, 256, {0x40000000, 0x44000000}},
        {"aarch64", "vexpress-a15", 0x4000000, 256, {0x8000000, 0xc000000}},
};

static void assert_virt_kind(const FlashUnit *unit) {
    g_assert_cmpuint(unit->sector_length, ==, 262144);
    g_assert_cmpuint(unit->width, ==, 4);
    g_assert_cmpuint(unit->device_width, ==, 2);
    g_assert_cmpuint(unit->max_device_width, ==, 2);
    g_assert_cmphex(unit->id[0], ==, 0x89);
    g_assert_cmphex(unit->id[1], ==, 0x18);
    g_assert_cmphex(unit->id[2], ==, 0);
    g_assert_cmphex(unit->id[3], ==, 0);
    g_assert_false(unit->big_endian);
    g_assert_false(unit->old_multiple_chip_handling);
}

static void fixed_boards_have_their_own_sizes_and_places(void) {
    for (gsize i = 0; i < G_N_ELEMENTS(fixed_examples); i++) {
        const FixedExample *e = &fixed_examples[i];
        g_autoptr(GPtrArray) units = ask_fitting(&(Question){.architecture = e->architecture,
                                                             .machine = e->machine,
                                                             .size = e->unit_size,
                                                             .template_size = 262144});

        g_assert_cmpuint(units->len, ==, 2);
        for (guint j = 0; j < 2; j++) {
            assert_place(units->pdata[j], e->base[j], e->num_blocks, e->unit_size);
            assert_virt_kind(units->pdata[j]);
        }
    }
}

static void loongarch_units_are_as_large_as_their_images(void) {
    Question q = {
            .architecture = "loongarch64",
            .machine = "virt",
            .size = 4 * MIB,
            .template_size = 262144};
    g_autoptr(GPtrArray) units = ask_fitting(&q);

    assert_place(units->pdata[0], 0x1c000000, 16, 4 * MIB);
    assert_place(units->pdata[1], 0x1d000000, 1, 262144);
    assert_virt_kind(units->pdata[1]);

    q.size = q.template_size = 16 * MIB;
    assert_reasons(&q, "");
    q.size = 16 * MIB + 262144;
    assert_reasons(
            &q,
            "bad-size:/code.fd: the image has 17039360 bytes, and flash unit 0 at most 16777216");
    q.size = 131072;
    assert_reasons(
            &q,
            "bad-size:/code.fd: the image has 131072 bytes, and flash unit 0 sectors of 262144");
    q = (Question){.architecture = "loongarch64",
                   .machine = "virt",
                   .size = 262144,
                   .template_size = 262144 + 512};
    assert_reasons(
            &q,
            "bad-size:/vars.fd: the image has 262656 bytes, and flash unit 1 sectors of 262144");
}

static void every_value_of_a_unit_is_filled(void) {
    g_autoptr(GPtrArray) units = ask_fitting(&(Question){
            .architecture = "x86_64", .machine = "q35", .size = 4096, .template_size = 8192});
    const FlashUnit *code = units->pdata[0];
    const FlashUnit *vars = units->pdata[1];

    g_assert_cmpuint(code->unit, ==, 0);
    g_assert_cmpuint(vars->unit, ==, 1);
    g_assert_cmpstr(code->role, ==, "executable");
    g_assert_cmpstr(vars->role, ==, "nvram");
    g_assert_cmpstr(code->driver, ==, "cfi.pflash01");
    g_assert_cmpstr(code->name, ==, "system.flash0");
    g_assert_cmpstr(vars->name, ==, "system.flash1");
    g_assert_cmpstr(code->filename, ==, "/code.fd");
    g_assert_cmpstr(vars->filename, ==, "");
    g_assert_cmpstr(vars->format, ==, "raw");
    g_assert_true(code->read_only);
    g_assert_false(vars->read_only);
    g_assert_cmpuint(code->sector_length, ==, 4096);
    g_assert_cmpuint(code->width, ==, 1);
    g_assert_cmpuint(code->device_width, ==, 0);
    g_assert_cmpuint(code->max_device_width, ==, 0);
    for (guint i = 0; i < 4; i++)
        g_assert_cmpuint(code->id[i], ==, 0);
}

static void assert_secure(const char *features, gboolean is_secure) {
    g_autoptr(GPtrArray) units = ask_fitting(&(Question){.features = features,
                                                         .architecture = "x86_64",
                                                         .machine = "q35",
                                                         .size = 4096,
                                                         .template_size = 4096});

    for (guint i = 0; i < 2; i++)
        g_assert_true(((const FlashUnit *)units->pdata[i])->secure == is_secure);
}

static void flash_is_secure_with_smm_and_secure_boot(void) {
    assert_secure("['requires-smm', 'secure-boot']", TRUE);
    assert_secure("['requires-smm']", FALSE);
    assert_secure("['secure-boot', 'enrolled-keys']", FALSE);
    assert_secure("[]", FALSE);
}

static void one_image_is_one_unit(void) {
    Question q = {
            .mapping = FLASH("combined"),
            .architecture = "x86_64",
            .machine = "pc",
            .size = PC_MAX};
    g_autoptr(GPtrArray) combined = ask_fitting(&q);
    const FlashUnit *unit = combined->pdata[0];
    g_autoptr(GPtrArray) stateless = NULL;

    g_assert_cmpuint(combined->len, ==, 1);
    assert_place(unit, 0xff800000, 2048, PC_MAX);
    g_assert_cmpstr(unit->role, ==, "executable");
    g_assert_cmpstr(unit->filename, ==, "");
    g_assert_false(unit->read_only);

    q.mapping = FLASH("stateless");
    stateless = ask_fitting(&q);
    unit = stateless->pdata[0];
    g_assert_cmpuint(stateless->len, ==, 1);
    g_assert_cmpstr(unit->filename, ==, "/code.fd");
    g_assert_true(unit->read_only);
}

/* -- sizes ------------------------------------------------------------------------------- */

static void backend_size_is_in_whole_sectors(void) {
    g_assert_cmpuint(flash_backend_size(0), ==, 0);
    g_assert_cmpuint(flash_backend_size(1), ==, 512);
    g_assert_cmpuint(flash_backend_size(512), ==, 512);
    g_assert_cmpuint(flash_backend_size(5000), ==, 5120);
    g_assert_cmpuint(flash_backend_size(64 * MIB - 100), ==, 64 * MIB);
    g_assert_cmpuint(flash_backend_size(G_MAXINT64), ==, G_GUINT64_CONSTANT(1) << 63);
}

static void assert_pc(guint64 size, guint64 template_size, const char *reasons) {
    assert_reasons(
            &(Question){.architecture = "x86_64",
                        .machine = "q35",
                        .size = size,
                        .template_size = template_size},
            reasons);
}

static void pc_sizes_at_their_limits(void) {
    assert_pc(PC_MAX - 4096, 4096, "");
    assert_pc(
            PC_MAX - 4096, 8192,
            "bad-size:/vars.fd: flash units 0 to 1 have 8392704 bytes together, and the machine takes 8388608");
    assert_pc(
            PC_MAX, 4096,
            "bad-size:/vars.fd: flash units 0 to 1 have 8392704 bytes together, and the machine takes 8388608");
    assert_pc(
            PC_MAX + 4096, 4096,
            "bad-size:/code.fd: flash units 0 to 0 have 8392704 bytes together, and the machine takes 8388608");
    assert_pc(
            G_MAXINT64, 4096,
            "bad-size:/code.fd: flash units 0 to 0 have 9223372036854775808 bytes together, and the machine takes 8388608");
    assert_pc(
            4096, G_MAXINT64,
            "bad-size:/vars.fd: flash units 0 to 1 have 9223372036854779904 bytes together, and the machine takes 8388608");
    assert_pc(0, 4096, "bad-size:/code.fd: flash unit 0 would have 0 bytes");
    assert_pc(4096, 0, "bad-size:/vars.fd: flash unit 1 would have 0 bytes");
    assert_pc(
            4096 + 512, 4096,
            "bad-size:/code.fd: the image has 4608 bytes, and flash unit 0 sectors of 4096");
    assert_pc(
            4096, 4096 - 512,
            "bad-size:/vars.fd: the image has 3584 bytes, and flash unit 1 sectors of 4096");
    /* rounded up to a sector, these are 4096 */
    assert_pc(4095, 3585, "");
    assert_pc(
            4095, 3584,
            "bad-size:/vars.fd: the image has 3584 bytes, and flash unit 1 sectors of 4096");
}

static void assert_virt(guint64 size, guint64 template_size, const char *reasons) {
    assert_reasons(
            &(Question){.architecture = "aarch64",
                        .machine = "virt",
                        .size = size,
                        .template_size = template_size},
            reasons);
}

static void fixed_sizes_at_their_limits(void) {
    assert_virt(VIRT_UNIT, VIRT_UNIT, "");
    assert_virt(VIRT_UNIT - 100, VIRT_UNIT - 100, "");
    assert_virt(VIRT_UNIT - 511, 1, "");
    assert_virt(
            VIRT_UNIT - 512, VIRT_UNIT,
            "bad-size:/code.fd: the image has 67108352 bytes, and flash unit 0 67108864");
    assert_virt(
            VIRT_UNIT + 1, VIRT_UNIT,
            "bad-size:/code.fd: the image has 67109376 bytes, and flash unit 0 67108864");
    assert_virt(
            2 * MIB, 131072,
            "bad-size:/code.fd: the image has 2097152 bytes, and flash unit 0 67108864");
    assert_virt(0, VIRT_UNIT, "bad-size:/code.fd: flash unit 0 would have 0 bytes");
    assert_virt(VIRT_UNIT, 0, "bad-size:/vars.fd: flash unit 1 would have 0 bytes");
    assert_virt(
            VIRT_UNIT, VIRT_UNIT + 1,
            "bad-size:/vars.fd: the image has 67109376 bytes, and flash unit 1 at most 67108864");
}

/* -- no flash, no geometry --------------------------------------------------------------- */

static void boards_without_flash_have_no_geometry(void) {
    static const char *const machines[] = {"microvm", "isapc", "no-such-machine", ""};

    for (gsize i = 0; i < G_N_ELEMENTS(machines); i++)
        assert_reasons(
                &(Question){.architecture = "x86_64",
                            .machine = machines[i],
                            .size = 4096,
                            .template_size = 4096},
                "geometry-unknown");
    /* known, but not of this architecture */
    assert_reasons(
            &(Question){.architecture = "s390x",
                        .machine = "virt-7.2",
                        .size = VIRT_UNIT,
                        .template_size = 4096},
            "geometry-unknown");
}

static void assert_file(
        const char *device, const char *architecture, const char *machine, guint64 size,
        const char *reasons) {
    g_autofree char *mapping = g_strdup_printf("{'device': '%s', 'filename': '/code.fd'}", device);

    assert_reasons(
            &(Question){.mapping = mapping,
                        .architecture = architecture,
                        .machine = machine,
                        .size = size},
            reasons);
}

static void memory_follows_the_rules_of_bios(void) {
    assert_file("memory", "x86_64", "q35", 65536, "");
    assert_file("memory", "x86_64", "microvm", 131072, "");
    assert_file(
            "memory", "x86_64", "q35", 65536 + 512,
            "bad-size:/code.fd: the file has 66048 bytes, and -bios takes multiples of 65536");
    assert_file(
            "memory", "x86_64", "q35", 65535,
            "bad-size:/code.fd: the file has 65535 bytes, and -bios takes multiples of 65536");
    assert_file("memory", "x86_64", "q35", 0, "bad-size:/code.fd: the file has 0 bytes");
    assert_file("memory", "x86_64", "no-such-machine", 1, "");
    assert_file("memory", "aarch64", "virt", VIRT_UNIT, "");
    assert_file(
            "memory", "aarch64", "virt", VIRT_UNIT + 1,
            "bad-size:/code.fd: the file has 67108865 bytes, and -bios takes at most 67108864");
}

static void kernels_and_igvm_files_have_any_size(void) {
    assert_file("kernel", "x86_64", "q35", 1, "");
    assert_file("igvm", "x86_64", "q35", 12345, "");
    assert_file("kernel", "x86_64", "q35", 0, "bad-size:/code.fd: the file has 0 bytes");
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(pc_units_are_stacked_down_from_4_gib),
            TEST_CASE(fixed_boards_have_their_own_sizes_and_places),
            TEST_CASE(loongarch_units_are_as_large_as_their_images),
            TEST_CASE(every_value_of_a_unit_is_filled),
            TEST_CASE(flash_is_secure_with_smm_and_secure_boot),
            TEST_CASE(one_image_is_one_unit),
            TEST_CASE(backend_size_is_in_whole_sectors),
            TEST_CASE(pc_sizes_at_their_limits),
            TEST_CASE(fixed_sizes_at_their_limits),
            TEST_CASE(boards_without_flash_have_no_geometry),
            TEST_CASE(memory_follows_the_rules_of_bios),
            TEST_CASE(kernels_and_igvm_files_have_any_size),
    };

    return test_main(argc, argv, "flash", cases, G_N_ELEMENTS(cases));
}
