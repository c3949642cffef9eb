/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include "util-machine.h"

static void one_bad_section_spoils_its_file_alone(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autoptr(MachineTable) table = NULL;

    test_write_text(dir, "a.conf", "[a]\narchitectures=x\n[b]\nunits=1\n");
    test_write_text(dir, "b.conf", "[c]\narchitectures=y\n");
    table = test_machine_load(dir);
    g_assert_cmpuint(machine_table_get_problems(table)->len, ==, 1);
    g_assert_null(test_board(table, "x", "a"));
    g_assert_nonnull(test_board(table, "y", "c"));
}

/* -- files and layers -------------------------------------------------------------------- */

static void files_and_layers_have_an_order(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autofree char *vendor = test_mkdir(dir, "vendor");
    g_autofree char *admin = test_mkdir(dir, "admin");
    const char *const directories[] = {vendor, "/no/such/directory", admin, NULL};
    g_autoptr(MachineTable) table = NULL;

    test_write_text(vendor, "10.conf", "[hidden]\narchitectures=x\n");
    test_write_text(vendor, "20.conf", "[old]\narchitectures=x\n");
    test_write_text(vendor, "30.conf", "[b*]\narchitectures=x\nbios-max-size=30\n");
    test_write_text(admin, "10.conf", "");
    test_write_text(admin, "20.conf", "[new]\narchitectures=x\n");
    test_write_text(
            admin, "29.conf",
            "[bb]\narchitectures=x\nbios-max-size=29\n"
            "[b?]\narchitectures=x\nbios-max-size=1\n");
    test_write_text(admin, ".0.conf", "[b*]\narchitectures=x\nbios-max-size=0\n");
    test_write_text(admin, "0.conf~", "[b*]\narchitectures=x\nbios-max-size=0\n");
    table = machine_table_load(directories, NULL, NULL);

    test_machine_assert_no_problem(table);
    g_assert_null(test_board(table, "x", "hidden"));
    g_assert_null(test_board(table, "x", "old"));
    g_assert_nonnull(test_board(table, "x", "new"));
    g_assert_cmpuint(test_board(table, "x", "bb")->bios_max_size, ==, 29);
    g_assert_cmpuint(test_board(table, "x", "bc")->bios_max_size, ==, 1);
    g_assert_cmpuint(test_board(table, "x", "bcd")->bios_max_size, ==, 30);
    g_assert_null(test_board(table, "y", "bb"));
}

static void a_broken_file_of_a_higher_layer_hides_too(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autofree char *vendor = test_mkdir(dir, "vendor");
    g_autofree char *admin = test_mkdir(dir, "admin");
    const char *const directories[] = {vendor, admin, NULL};
    g_autoptr(MachineTable) table = NULL;

    test_write_text(vendor, "a.conf", "[a]\narchitectures=x\n");
    test_link(admin, "a.conf", "nowhere");
    table = machine_table_load(directories, NULL, NULL);
    g_assert_cmpuint(machine_table_get_problems(table)->len, ==, 1);
    g_assert_null(test_board(table, "x", "a"));
}

/* GKeyFile's groups have none. */
static void a_section_has_no_brackets(void) {
    test_machine_assert_problem("[b-[12]]\narchitectures=x\n", NULL);
    test_machine_assert_problem("[b-[12]\narchitectures=x\n", NULL);
}

static void a_file_has_at_most_64_kib(void) {
    g_autoptr(GString) text = g_string_new("[a]\narchitectures=x\n#");
    g_autoptr(MachineTable) table = NULL;

    while (text->len < 65536)
        g_string_append_c(text, 'a');
    table = test_machine_text(text->str);
    test_machine_assert_no_problem(table);
    g_assert_nonnull(test_board(table, "x", "a"));
    g_string_append_c(text, 'a');
    test_machine_assert_problem(text->str, NULL);
}

/* -- names ------------------------------------------------------------------------------- */

static void assert_resolved(
        const MachineTable *table, const char *asked, const char *name, const char *canonical) {
    Machine machine = machine_table_resolve(table, "x", asked);

    g_assert_cmpstr(machine.architecture, ==, "x");
    g_assert_cmpstr(machine.name, ==, name);
    g_assert_cmpstr(machine.canonical, ==, canonical);
}

static void aliases_are_resolved(void) {
    g_autoptr(MachineTable) table =
            test_machine_text("[b-*]\narchitectures=x\naliases=b;bb\ncanonical=b-1\n"
                              "[c-*]\narchitectures=y\naliases=c\ncanonical=c-1\n");

    /* the table does not know which version an emulator means: -machine gets the alias */
    assert_resolved(table, "b", "b", "b-1");
    assert_resolved(table, "bb", "bb", "b-1");
    assert_resolved(table, "b-9", "b-9", "b-9");
    assert_resolved(table, "c", "c", "c");
    assert_resolved(table, "unknown", "unknown", "unknown");

    machine_table_add_type(table, "x", "b-7", "b");
    machine_table_add_type(table, "x", "new-1", "new");
    machine_table_add_type(table, "y", "b-8", "bb");
    assert_resolved(table, "b", "b-7", "b-7");
    assert_resolved(table, "bb", "bb", "b-1");
    assert_resolved(table, "new", "new-1", "new-1");
    g_assert_nonnull(test_board(table, "x", "b"));
    g_assert_null(test_board(table, "x", "new"));
}

static void assert_for(
        const MachineTable *table, const char *asked, QemuVersion version, const char *name,
        const char *canonical) {
    Machine machine = machine_table_resolve_for(table, "x", asked, version);

    g_assert_cmpuint(machine.qemu, ==, version);
    g_assert_cmpstr(machine.name, ==, name);
    g_assert_cmpstr(machine.canonical, ==, canonical);
}

/* What the installed one means tells which board it is, whether the table has the alias or not. */
static void another_qemu_is_given_the_alias(void) {
    static const char *const lacks[] = {NULL};
    const QemuVersion installed = QEMU_VERSION(7, 2, 0);
    const QemuVersion other = QEMU_VERSION(6, 2, 0);
    g_autoptr(MachineTable) table = test_machine_text(
            "[b-*]\narchitectures=x\naliases=b\ncanonical=b-1\n[c-*]\narchitectures=x\n");

    machine_table_add_emulator(table, "x", installed, lacks);
    machine_table_add_type(table, "x", "b-7", "b");
    machine_table_add_type(table, "x", "c-7", "c");
    assert_for(table, "b", installed, "b-7", "b-7");
    assert_for(table, "c", installed, "c-7", "c-7");
    assert_for(table, "b", other, "b", "b-1");
    assert_for(table, "c", other, "c", "c-7");
    assert_for(table, "c-7", other, "c-7", "c-7");
    g_assert_nonnull(machine_table_resolve_for(table, "x", "c", other).board);
}

static void each_name_is_listed_once(void) {
    g_autoptr(MachineTable) table =
            test_machine_text("[b-*]\narchitectures=x\naliases=b;bb\ncanonical=b-1\n"
                              "[b]\narchitectures=x\n[c]\narchitectures=x\n");
    g_autoptr(GPtrArray) names = NULL;

    machine_table_add_type(table, "x", "c", "b");
    names = machine_table_list_names(table, "x");
    test_assert_joined((char **)names->pdata, "b, bb, c");
}

static gboolean add_canonical(const Machine *machine, gpointer userdata) {
    g_ptr_array_add(
            userdata, g_strdup_printf("%s%s", machine->canonical, machine->board ? "" : "?"));
    return TRUE;
}

static void assert_visited(const MachineTable *table, const char *glob, const char *expected) {
    g_autoptr(GPtrArray) visited = g_ptr_array_new_with_free_func(g_free);

    machine_table_visit(table, "x", glob, add_canonical, visited);
    test_assert_joined_array(visited, expected);
}

static void a_glob_visits_the_machines_that_it_matches(void) {
    g_autoptr(MachineTable) table = test_machine_text(
            "[b-*]\narchitectures=x\naliases=b\ncanonical=b-1\n[c]\narchitectures=x\n"
            "[d-*]\narchitectures=y\n");

    assert_visited(table, "b-*", "b-, b-1");
    assert_visited(table, "b-?.?", "b-x.x");
    assert_visited(table, "b-[89].0", "b-8.0");
    assert_visited(table, "c", "c, c");
    assert_visited(table, "d-1", "d-1?");
    assert_visited(table, "b", "");
    assert_visited(table, "*", "?, b-1, c");
}

static void a_glob_matches_the_name_that_it_reads_as(void) {
    static const char *const globs[][2] = {
            {"n-[[:digit:]]*", "n-0?"},
            {"n-[[:alpha:]-]", "n-A?"},
            {"n-[!0-9]", "n-:?"},
            {"n-[^0-9:-@]", "n-A?"},
            {"n-[]]", "n-]?"},
            {"n-[!]0]", "n-1?"},
            {"n-[]0]", "n-0?"},
            {"n-[.]1", "n-.1?"},
            {"n-[a\\]b]", "n-]?"},
            {"n-[[.a.]]", "n-a?"},
            {"n-[[=a=]b]x", "n-ax?"},
            {"n-\\*\\[", "n-*[?"},
            {"n-[", "n-[?"},
            {"n-[a", "n-[a?"},
            {"n-[[:no:]]", ""},
            {"n-[z-a]", ""},
            {"n-\\", ""},
    };
    g_autoptr(MachineTable) table = test_machine_text("");

    for (gsize i = 0; i < G_N_ELEMENTS(globs); i++)
        assert_visited(table, globs[i][0], globs[i][1]);
}

/* -- equality ---------------------------------------------------------------------------- */

static void assert_equal(const char *a_text, const char *b_text, gboolean is_equal) {
    g_autoptr(MachineTable) a = test_machine_text(a_text);
    g_autoptr(MachineTable) b = test_machine_text(b_text);

    g_assert_true(machine_table_equal(a, a));
    g_assert_true(machine_table_equal(a, b) == is_equal);
}

static void tables_are_compared_by_what_they_say(void) {
    g_autoptr(MachineTable) a = test_machine_text("[a]\narchitectures=x\n");
    g_autoptr(MachineTable) b = test_machine_text("[a]\narchitectures=x\n");

    assert_equal("[a]\narchitectures=x\n", "[a]\narchitectures=x\n", TRUE);
    assert_equal("[a]\narchitectures=x\n", "[a]\narchitectures=x;y\n", FALSE);
    assert_equal("[a]\narchitectures=x\n", "", FALSE);

    machine_table_add_type(a, "x", "c", "b");
    g_assert_false(machine_table_equal(a, b));
    machine_table_add_type(b, "x", "c", "b");
    g_assert_true(machine_table_equal(a, b));
}

static void aliases_that_read_alike_are_told_apart(void) {
    g_autoptr(MachineTable) a = test_machine_text("");
    g_autoptr(MachineTable) b = test_machine_text("");

    machine_table_add_type(a, "x", "pc-1", "pc");
    machine_table_add_type(b, "x", "c-1", "pcp");
    g_assert_false(machine_table_equal(a, b));
}

static gpointer load(const FileVisitor *visitor, gconstpointer directories, GError **error) {
    return machine_table_load(directories, visitor, error);
}

static void a_failing_system_is_an_error(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    const char *const directories[] = {dir, NULL};

    test_write_text(dir, "a.conf", "[a]\n");
    test_fail_at_each_visit(load, (GDestroyNotify)machine_table_unref, directories);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(one_bad_section_spoils_its_file_alone),
            TEST_CASE(files_and_layers_have_an_order),
            TEST_CASE(a_broken_file_of_a_higher_layer_hides_too),
            TEST_CASE(a_section_has_no_brackets),
            TEST_CASE(a_file_has_at_most_64_kib),
            TEST_CASE(aliases_are_resolved),
            TEST_CASE(another_qemu_is_given_the_alias),
            TEST_CASE(each_name_is_listed_once),
            TEST_CASE(a_glob_visits_the_machines_that_it_matches),
            TEST_CASE(a_glob_matches_the_name_that_it_reads_as),
            TEST_CASE(tables_are_compared_by_what_they_say),
            TEST_CASE(aliases_that_read_alike_are_told_apart),
            TEST_CASE(a_failing_system_is_an_error),
    };

    return test_main(argc, argv, "machine", cases, G_N_ELEMENTS(cases));
}
