/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "util-machine.h"

MachineTable *test_machine_load(const char *dir) {
    const char *const directories[] = {dir, NULL};

    return machine_table_load(directories, NULL, NULL);
}

MachineTable *test_machine_text(const char *text) {
    g_autoptr(TestDir) dir = test_dir_new();

    test_write_text(dir, "a.conf", text);
    return test_machine_load(dir);
}

const Board *test_board(const MachineTable *table, const char *architecture, const char *name) {
    return machine_table_resolve(table, architecture, name).board;
}

void test_machine_assert_architectures(const MachineTable *table, const char *expected) {
    g_autofree char *joined = g_strjoinv(", ", (GStrv)machine_table_get_architectures(table));

    g_assert_cmpstr(joined, ==, expected);
}

void test_machine_assert_no_problem(const MachineTable *table) {
    const GPtrArray *problems = machine_table_get_problems(table);

    if (problems->len > 0)
        g_test_message("%s", ((const ConfProblem *)problems->pdata[0])->text);
    g_assert_cmpuint(problems->len, ==, 0);
}

void test_machine_assert_problem(const char *text, const char *problem_text) {
    g_autoptr(MachineTable) table = test_machine_text(text);
    const GPtrArray *problems = machine_table_get_problems(table);
    const ConfProblem *problem;

    g_assert_cmpuint(problems->len, ==, 1);
    problem = problems->pdata[0];
    g_assert_true(g_str_has_suffix(problem->path, "/a.conf"));
    if (problem_text)
        g_assert_cmpstr(problem->text, ==, problem_text);
    g_assert_cmpstr(problem->text, !=, "");
    test_machine_assert_architectures(table, "");
}
