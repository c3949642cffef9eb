/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/answer.h"
#include "util-render.h"
#include "util-vm.h"

/* Answers of each shape, written through any sink. */

typedef struct TestAnswers {
    TestAnswer secure; /* split flash with smm, secure flash, and all renderings */
    Rendering rendering;
    GPtrArray *verdicts;
    Capabilities *capabilities;
    TestVM vm; /* prepared, of a like firmware */
    VMResult result;
} TestAnswers;

void test_answers_init(TestAnswers *answers);
void test_answers_clear(TestAnswers *answers);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TestAnswers, test_answers_clear)

typedef struct TestShape {
    const char *interface; /* whose XML gives the signature */
    const char *name;      /* of an argument or a property there */
    void (*write)(Sink *sink, const TestAnswers *answers);
} TestShape;

/* Ends with a shape without a name. */
extern const TestShape test_shapes[];

/* What SHAPE writes, as a GVariant. */
GVariant *test_shape_to_variant(const TestShape *shape, const TestAnswers *answers)
        G_GNUC_WARN_UNUSED_RESULT;
