/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/pin.h"
#include "util-catalog.h"

/* One kind of firmware, and what a VM that got it is pinned to. */
typedef struct TestPinKind {
    const char *name;
    const char *mapping;
    const char *features;
    const char *architecture;
    const char *machine; /* as asked */
    gboolean has_nvram;
    ImageFormat nvram_format;
    guint64 nvram_size;
} TestPinKind;

/* Ends with a kind without a name. */
extern const TestPinKind test_pin_kinds[];
const TestPinKind *test_pin_kind(const char *name);

/* The answer to REQUEST (NULL: no requirement) for a firmware of this kind, which ROOT, of
 * test_layers_new(), gets as vendor/KIND.json. */
Resolution *test_resolution(const char *root, const TestPinKind *kind, const Request *request)
        G_GNUC_WARN_UNUSED_RESULT;

/* A pin to that answer. */
Pin *test_pin(const char *root, const TestPinKind *kind, const Request *request)
        G_GNUC_WARN_UNUSED_RESULT;

/* The record of a pin of this kind. */
char *test_record(const char *kind) G_GNUC_WARN_UNUSED_RESULT;
/* RECORD with the member at PATH ("firmware/name", "flash/1/size") as VALUE, whose quotes are
 * single; NULL takes it away. */
char *test_record_change(const char *record, const char *path, const char *value)
        G_GNUC_WARN_UNUSED_RESULT;

/* What TEXT says, which is a valid record; or the error, which it must be. */
Pin *test_pin_read(const char *text) G_GNUC_WARN_UNUSED_RESULT;
void test_assert_no_pin(const char *text, gsize size, const char *message);

/* Both say the same, member by member. */
void test_assert_same_pin(const Pin *a, const Pin *b);

/* The requirements as "key=value,value", one a line. */
char *test_requirements(const Request *request) G_GNUC_WARN_UNUSED_RESULT;
