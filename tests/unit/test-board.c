/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include "util-machine.h"

/* -- values ------------------------------------------------------------------------------ */

static void every_key_is_read(void) {
    g_autoptr(MachineTable) table = test_machine_text(
            "# a comment\n[b-*]\narchitectures=y;x\naliases=b;bb;\ncanonical=b-1\nunits=2\n"
            "pflash-properties=true\ndriver=cfi.pflash01\nnames=n0;n1\nplacement=fixed\n"
            "addresses=0x10;32\nunit-size=0x2000\nmax-unit-size=8193\nmax-total-size=16385\n"
            "sector-length=0x1000\nwidth=4\ndevice-width=2\nmax-device-width=0xff\n"
            "big-endian=true\nids=0x89;24;65535;0xffff\nbios-size-multiple=512\n"
            "bios-max-size=99\ns3-device=pm\n");
    const Board *board = test_board(table, "y", "b-7");

    test_machine_assert_no_problem(table);
    test_machine_assert_architectures(table, "x, y");
    g_assert_nonnull(board);
    g_assert_cmpstr(board->glob, ==, "b-*");
    g_assert_cmpstr(board->canonical, ==, "b-1");
    g_assert_cmpuint(board->n_units, ==, 2);
    g_assert_cmpuint(board->pflash_properties_since, ==, 0);
    g_assert_cmpstr(board->driver, ==, "cfi.pflash01");
    test_assert_joined(board->names, "n0, n1");
    g_assert_cmpint(board->placement, ==, FLASH_PLACEMENT_FIXED);
    g_assert_cmpuint(board->addresses[0], ==, 16);
    g_assert_cmpuint(board->addresses[1], ==, 32);
    g_assert_cmpuint(board->unit_size, ==, 8192);
    g_assert_cmpuint(board->max_unit_size, ==, 8193);
    g_assert_cmpuint(board->max_total_size, ==, 16385);
    g_assert_cmpuint(board->sector_length, ==, 4096);
    g_assert_cmpuint(board->width, ==, 4);
    g_assert_cmpuint(board->device_width, ==, 2);
    g_assert_cmpuint(board->max_device_width, ==, 255);
    g_assert_true(board->big_endian);
    g_assert_cmpuint(board->id[0], ==, 0x89);
    g_assert_cmpuint(board->id[1], ==, 24);
    g_assert_cmpuint(board->id[2], ==, 65535);
    g_assert_cmpuint(board->id[3], ==, 65535);
    g_assert_cmpuint(board->bios_size_multiple, ==, 512);
    g_assert_cmpuint(board->bios_max_size, ==, 99);
    g_assert_cmpstr(board->s3_device, ==, "pm");
}

static void bad_values_are_problems(void) {
    static const char *const bad[][2] = {
            {"units", "3"},
            {"units", "-1"},
            {"units", ""},
            {"units", "0x"},
            {"units", "one"},
            {"units", "1 "},
            {"pflash-properties", "1"},
            {"pflash-properties", "True"},
            {"big-endian", "yes"},
            {"big-endian", ""},
            {"driver", ""},
            {"names", ""},
            {"architectures", ""},
            {"aliases", ""},
            {"canonical", ""},
            {"placement", ""},
            {"placement", "stacked"},
            {"top", "0X10"},
            {"top", "9223372036854775808"},
            {"addresses", "1;2;3"},
            {"addresses", "1;x"},
            {"unit-size", "4k"},
            {"unit-size", "-4096"},
            {"sector-length", "0x1g"},
            {"width", "256"},
            {"width", "0x100"},
            {"device-width", "-1"},
            {"max-device-width", "1.5"},
            {"ids", "1;2;3;4;5"},
            {"ids", "65536"},
            {"ids", "1;;2"},
            {"bios-size-multiple", "+1"},
            {"bios-max-size", "1e3"},
            {"s3-device", ""},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *text = g_strdup_printf("[b]\n%s=%s\n", bad[i][0], bad[i][1]);
        g_autofree char *problem =
                g_strdup_printf("[b] %s: bad value \"%s\"", bad[i][0], bad[i][1]);

        test_machine_assert_problem(text, problem);
    }
}

static void unknown_keys_are_problems(void) {
    test_machine_assert_problem("[b]\nunit=1\n", "[b] unit: unknown key");
    test_machine_assert_problem("[b]\nArchitectures=x\n", "[b] Architectures: unknown key");
}

static void what_is_no_key_file_is_a_problem(void) {
    static const char *const texts[] = {"x\n", "a=b\n", "[b\n", "[b]\nx\n", "[]\na=b\n", "\xff"};

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
        test_machine_assert_problem(texts[i], NULL);
}

#define NAME_NOT_UTF8                                                            \
    "architectures=x\nunits=1\ndriver=d\nnames=\xff\naddresses=0\nunit-size=1\n" \
    "sector-length=1\nwidth=1\n"

static void text_that_is_not_utf8_is_a_problem(void) {
    static const char *const keys[] = {
            "architectures=x\xff\n",
            "architectures=x\ndriver=\xff\n",
            "architectures=x\naliases=a\ncanonical=b\xef\xbf\xbf\n",
            NAME_NOT_UTF8,
    };

    test_machine_assert_problem("[b]\n\xff=1\n", "not UTF-8, or a character that no text may hold");
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_autofree char *text = g_strconcat("[b*]\n", keys[i], NULL);
        test_machine_assert_problem(text, NULL);
    }
}

/* -- what the computation needs ---------------------------------------------------------- */

/* A section for a board with one unit, but for what CHANGES (lines) says; NULL: no problem. */
static void assert_changed_board(const char *changes, const char *problem) {
    static const char *const lines[] = {
            "architectures=x\n",    "units=1\n", "driver=d\n",    "names=n\n", "unit-size=4096\n",
            "sector-length=4096\n", "width=1\n", "addresses=0\n",
    };
    g_autoptr(GString) text = g_string_new("[b]\n");
    g_autofree char *whole_problem = g_strconcat("[b] ", problem, NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autofree char *key = g_strndup(lines[i], strcspn(lines[i], "=") + 1);

        if (!g_str_has_prefix(changes, key))
            g_string_append(text, lines[i]);
    }
    g_string_append_printf(text, "%s\n", changes);

    if (problem) {
        test_machine_assert_problem(text->str, whole_problem);
    } else {
        g_autoptr(MachineTable) table = test_machine_text(text->str);
        test_machine_assert_no_problem(table);
    }
}

static void boards_that_cannot_be_are_problems(void) {
    assert_changed_board("", NULL);
    assert_changed_board("units=2", "driver and one of names for each unit are needed");
    assert_changed_board("names=a;b", "driver and one of names for each unit are needed");
    assert_changed_board("sector-length=0", "sector-length and width are needed");
    assert_changed_board("width=0", "sector-length and width are needed");
    assert_changed_board("unit-size=4097", "unit-size is not a multiple of sector-length");
    assert_changed_board("unit-size=0x100000000000", "unit-size is too large");
    assert_changed_board("unit-size=0xffffffff000", NULL);
    assert_changed_board(
            "unit-size=0", "one of unit-size, max-unit-size, max-total-size is needed");
    assert_changed_board("unit-size=0\nmax-unit-size=1", NULL);
    assert_changed_board(
            "unit-size=0\nmax-total-size=0x7fffffffffffffff",
            "max-unit-size or max-total-size is too large");
    assert_changed_board(
            "placement=stacked-down", "stacked-down needs max-total-size, and top not below it");
    assert_changed_board(
            "placement=stacked-down\nmax-total-size=8192\ntop=8191",
            "stacked-down needs max-total-size, and top not below it");
    assert_changed_board("placement=stacked-down\nmax-total-size=8192\ntop=8192", NULL);
    assert_changed_board("aliases=a", "canonical is missing, which aliases need");
    assert_changed_board(
            "aliases=a\ncanonical=c", "canonical is not matched by the section's glob");
    assert_changed_board("aliases=a\ncanonical=b", NULL);
    test_machine_assert_problem("[b]\nunits=0\n", "[b] architectures is missing");
}

static void each_fixed_unit_needs_an_address(void) {
    assert_changed_board("addresses=", "one of addresses for each unit is needed");
    assert_changed_board("addresses=1;2", "one of addresses for each unit is needed");
    assert_changed_board("addresses=0x10", NULL);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(every_key_is_read),
            TEST_CASE(bad_values_are_problems),
            TEST_CASE(unknown_keys_are_problems),
            TEST_CASE(what_is_no_key_file_is_a_problem),
            TEST_CASE(text_that_is_not_utf8_is_a_problem),
            TEST_CASE(boards_that_cannot_be_are_problems),
            TEST_CASE(each_fixed_unit_needs_an_address),
    };

    return test_main(argc, argv, "board", cases, G_N_ELEMENTS(cases));
}
