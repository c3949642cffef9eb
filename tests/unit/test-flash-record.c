/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/flash.h"

#include <string.h>

#include "util.h"

/* The geometry that a descriptor records, against the one that the service computes. */

#define UNKNOWN_RECORD                                                                \
    "'num-blocks': 16, 'sector-length': 65536, 'width': 2, 'phys-addr': 4278190080, " \
    "'name': 'new.flash'"

#define TOO_LARGE_RECORD                                                           \
    "'num-blocks': 4294967295, 'sector-length': 9223372036854775807, 'width': 2, " \
    "'phys-addr': 0, 'name': 'a'"

static char *mapping_with(const char *record, const char *template_record) {
    return g_strdup_printf(
            "{'device': 'flash', 'executable':"
            " {'filename': '/code.fd', 'format': 'raw', 'flash': {%s}},"
            " 'nvram-template': {'filename': '/vars.fd', 'format': 'raw', 'flash': {%s}}}",
            record, template_record);
}

static GPtrArray *ask(
        const char *mapping, const char *machine_name, guint64 size, guint64 template_size,
        char **ret_reasons) {
    g_autoptr(MachineTable) machines = test_shipped_machines();
    g_autofree char *document = test_document("mapping", mapping, NULL);
    g_autoptr(Descriptor) descriptor = test_parse(document);
    Machine machine = machine_table_resolve(machines, "x86_64", machine_name);
    const FirmwareImages images = {.executable.size = size, .nvram_template.size = template_size};
    g_autoptr(GPtrArray) reasons = g_ptr_array_new_with_free_func(g_free);
    GPtrArray *units = NULL;

    (void)flash_fit(descriptor, &images, &machine, reasons, &units);
    g_ptr_array_add(reasons, NULL);
    *ret_reasons = g_strjoinv(", ", (char **)reasons->pdata);
    return units;
}

static void assert_on_q35(const char *record, const char *template_record, const char *expected) {
    g_autofree char *mapping = mapping_with(record, template_record);
    g_autofree char *reasons = NULL;
    g_autoptr(GPtrArray) units = ask(mapping, "q35", 8192, 4096, &reasons);

    g_assert_cmpstr(reasons, ==, expected);
    g_assert_true((units != NULL) == (expected[0] == '\0'));
}

/* All that the table knows of OVMF-like units of 8192 and 4096 bytes on q35. */
static const char *const right[][2] = {
        {"unit", "0"},
        {"role", "'executable'"},
        {"driver", "'cfi.pflash01'"},
        {"name", "'system.flash0'"},
        {"read-only", "true"},
        {"size", "8192"},
        {"phys-addr", "4294959104"},
        {"num-blocks", "2"},
        {"sector-length", "4096"},
        {"width", "1"},
        {"device-width", "0"},
        {"max-device-width", "0"},
        {"big-endian", "false"},
        {"secure", "false"},
        {"id0", "0"},
        {"id1", "0"},
        {"id2", "0"},
        {"id3", "0"},
        {"old-multiple-chip-handling", "false"},
};

static const char *wrong(const char *value) {
    return value[0] == '\''               ? "'other'"
            : g_str_equal(value, "true")  ? "false"
            : g_str_equal(value, "false") ? "true"
                                          : "77";
}

static void each_key_is_compared(void) {
    for (gsize i = 0; i < G_N_ELEMENTS(right); i++) {
        g_autofree char *same = g_strdup_printf("'%s': %s", right[i][0], right[i][1]);
        g_autofree char *other = g_strdup_printf("'%s': %s", right[i][0], wrong(right[i][1]));
        g_autofree char *reason = g_strconcat("geometry-mismatch:", right[i][0], NULL);

        assert_on_q35(same, "", "");
        assert_on_q35(other, "", reason);
    }
}

static void right_values_cover_all_recordable_keys(void) {
    gsize n = 0;

    for (const FlashKey *key = flash_keys; key->name; key++)
        n += key->recordable ? 1 : 0;
    g_assert_cmpuint(n, ==, G_N_ELEMENTS(right));
}

static void the_template_is_compared_with_its_own_unit(void) {
    assert_on_q35("", "'unit': 1, 'role': 'nvram', 'read-only': false", "");
    assert_on_q35("", "'phys-addr': 4294955008, 'name': 'system.flash1'", "");
    assert_on_q35("", "'name': 'system.flash0'", "geometry-mismatch:name");
}

static void all_mismatches_are_told(void) {
    assert_on_q35(
            "'width': 2, 'num-blocks': 3", "'id0': 1",
            "geometry-mismatch:num-blocks, geometry-mismatch:width, geometry-mismatch:id0");
}

static void what_no_geometry_has_is_ignored(void) {
    assert_on_q35("'filename': 1, 'format': 'qcow2', 'x-unknown': {}", "", "");
}

static void a_bad_size_goes_before_a_mismatch(void) {
    g_autofree char *mapping = mapping_with("'width': 2", "");
    g_autofree char *reasons = NULL;
    g_autoptr(GPtrArray) units = ask(mapping, "q35", 100000, 4096, &reasons);

    g_assert_cmpstr(
            reasons, ==,
            "bad-size:/code.fd: the image has 100352 bytes, and flash unit 0 sectors of 4096");
    g_assert_null(units);
}

/* -- a machine that the table does not know ---------------------------------------------- */

static void recorded_values_are_the_answer_for_an_unknown_machine(void) {
    g_autofree char *mapping = mapping_with(
            UNKNOWN_RECORD ", 'big-endian': true, 'id0': 137, 'device-width': 1",
            "'num-blocks': 1, 'sector-length': 4096, 'width': 4, 'phys-addr': 0, 'name': 'v'");
    g_autofree char *reasons = NULL;
    g_autoptr(GPtrArray) units = ask(mapping, "new-board", 1048576, 4000, &reasons);
    const FlashUnit *code;
    const FlashUnit *vars;

    g_assert_cmpstr(reasons, ==, "");
    code = units->pdata[0];
    vars = units->pdata[1];
    g_assert_cmpstr(code->driver, ==, "cfi.pflash01");
    g_assert_cmpstr(code->name, ==, "new.flash");
    g_assert_cmpstr(code->role, ==, "executable");
    g_assert_cmpstr(code->filename, ==, "/code.fd");
    g_assert_cmphex(code->phys_addr, ==, 0xff000000);
    g_assert_cmpuint(code->size, ==, 1048576);
    g_assert_cmpuint(code->num_blocks, ==, 16);
    g_assert_cmpuint(code->width, ==, 2);
    g_assert_cmpuint(code->device_width, ==, 1);
    g_assert_cmpuint(code->id[0], ==, 137);
    g_assert_true(code->big_endian);
    g_assert_cmpuint(vars->unit, ==, 1);
    g_assert_cmpuint(vars->size, ==, 4096);
    g_assert_cmpstr(vars->role, ==, "nvram");
}

static void assert_unknown_machine(
        const char *record, guint64 size, guint64 template_size, const char *expected) {
    g_autofree char *mapping = mapping_with(record, UNKNOWN_RECORD);
    g_autofree char *reasons = NULL;
    g_autoptr(GPtrArray) units = ask(mapping, "new-board", size, template_size, &reasons);

    g_assert_cmpstr(reasons, ==, expected);
    g_assert_true((units != NULL) == (expected[0] == '\0'));
}

static void a_record_that_says_too_little_is_no_geometry(void) {
    static const char *const incomplete[] = {
            "",
            "'sector-length': 65536, 'width': 2, 'phys-addr': 0, 'name': 'a'",
            "'num-blocks': 16, 'width': 2, 'phys-addr': 0, 'name': 'a'",
            "'num-blocks': 16, 'sector-length': 65536, 'phys-addr': 0, 'name': 'a'",
            "'num-blocks': 16, 'sector-length': 65536, 'width': 2, 'name': 'a'",
            "'num-blocks': 16, 'sector-length': 65536, 'width': 2, 'phys-addr': 0",
            "'num-blocks': 0, 'sector-length': 65536, 'width': 2, 'phys-addr': 0, 'name': 'a'",
            "'num-blocks': 16, 'sector-length': 0, 'width': 2, 'phys-addr': 0, 'name': 'a'",
            TOO_LARGE_RECORD,
    };

    for (gsize i = 0; i < G_N_ELEMENTS(incomplete); i++)
        assert_unknown_machine(incomplete[i], 1048576, 1048576, "geometry-unknown");
}

static void recorded_sizes_are_held_against_the_images(void) {
    assert_unknown_machine(UNKNOWN_RECORD, 1048576, 1048576, "");
    assert_unknown_machine(
            UNKNOWN_RECORD, 1048577, 1048576,
            "bad-size:/code.fd: the image has 1049088 bytes, and flash unit 0 1048576 as it is recorded");
    assert_unknown_machine(
            UNKNOWN_RECORD, 1048064, 1048576,
            "bad-size:/code.fd: the image has 1048064 bytes, and flash unit 0 1048576 as it is recorded");
    assert_unknown_machine(
            UNKNOWN_RECORD, 0, 1048576,
            "bad-size:/code.fd: the image has 0 bytes, and flash unit 0 1048576 as it is recorded");
    /* a VM's copy of it is extended */
    assert_unknown_machine(UNKNOWN_RECORD, 1048576, 1, "");
    assert_unknown_machine(
            UNKNOWN_RECORD, 1048576, 1048577,
            "bad-size:/vars.fd: the image has 1049088 bytes, and flash unit 1 at most 1048576 as it is recorded");
    assert_unknown_machine(
            UNKNOWN_RECORD, 1048576, 0,
            "bad-size:/vars.fd: the image has 0 bytes, and flash unit 1 at most 1048576 as it is recorded");
    assert_unknown_machine(
            UNKNOWN_RECORD ", 'size': 1048575", 1048576, 1048576, "geometry-mismatch:size");
    assert_unknown_machine(
            UNKNOWN_RECORD ", 'role': 'nvram'", 1048576, 1048576, "geometry-mismatch:role");
}

static void a_known_board_without_flash_stays_without(void) {
    g_autofree char *mapping = mapping_with(UNKNOWN_RECORD, UNKNOWN_RECORD);
    g_autofree char *reasons = NULL;
    g_autoptr(GPtrArray) units = ask(mapping, "microvm", 1048576, 1048576, &reasons);

    g_assert_cmpstr(reasons, ==, "geometry-unknown");
    g_assert_null(units);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(each_key_is_compared),
            TEST_CASE(right_values_cover_all_recordable_keys),
            TEST_CASE(the_template_is_compared_with_its_own_unit),
            TEST_CASE(all_mismatches_are_told),
            TEST_CASE(what_no_geometry_has_is_ignored),
            TEST_CASE(a_bad_size_goes_before_a_mismatch),
            TEST_CASE(recorded_values_are_the_answer_for_an_unknown_machine),
            TEST_CASE(a_record_that_says_too_little_is_no_geometry),
            TEST_CASE(recorded_sizes_are_held_against_the_images),
            TEST_CASE(a_known_board_without_flash_stays_without),
    };

    return test_main(argc, argv, "flash-record", cases, G_N_ELEMENTS(cases));
}
