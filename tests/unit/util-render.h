/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/resolution.h"
#include "util-catalog.h"

/* One firmware, the question that chooses it, and the answer. */
typedef struct TestAnswer {
    TestDir *root;
    Catalog *catalog;
    Request *request;
    Resolution *resolution;
} TestAnswer;

void test_answer_clear(TestAnswer *f);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TestAnswer, test_answer_clear)

/* The members of vendor/a.json that matter; MEMBER may be NULL. There are "rom" of 64 KiB and an
 * empty "store.json", too. */
void test_answer_describe(
        TestAnswer *f, const char *mapping, const char *member, const char *value);
/* NVRAM: the caller's own copy, or NULL. */
void test_answer_resolve(
        TestAnswer *f, const char *architecture, const char *machine_name, const char *nvram);
