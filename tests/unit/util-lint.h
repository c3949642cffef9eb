/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "lint/lint.h"
#include "util-catalog.h"

/* As test_layers_new(), with OVMF's sizes: code.fd of 3653632 and vars.fd of 540672 bytes, sparse.
 * Both are blank, which is nothing to complain about. */
TestDir *test_lint_new(void) G_GNUC_WARN_UNUSED_RESULT;

/* What lint says of PATH (@ is ROOT), one finding a line, is EXPECTED (@ too). */
void test_assert_findings(const char *root, const char *path, const char *expected);

/* The same for vendor/a.json, after test_describe() with MEMBER and VALUE (and no features unless
 * MEMBER is these), whose place begins each line of EXPECTED as "a:". */
void test_assert_lint(
        const char *root, const char *member, const char *value, const char *expected);
