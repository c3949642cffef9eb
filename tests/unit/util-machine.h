/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/machine.h"
#include "util.h"

/* The table of one directory, and that of one file "a.conf" with TEXT. */
MachineTable *test_machine_load(const char *dir);
MachineTable *test_machine_text(const char *text);

const Board *test_board(const MachineTable *table, const char *architecture, const char *name);

/* EXPECTED: in order, separated by ", ". */
void test_machine_assert_architectures(const MachineTable *table, const char *expected);
void test_machine_assert_no_problem(const MachineTable *table);
/* TEXT leaves nothing behind but this problem; PROBLEM_TEXT is NULL where any will do. */
void test_machine_assert_problem(const char *text, const char *problem_text);
