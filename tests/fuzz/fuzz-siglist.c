/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Signature lists: each entry lies within its list. */

#include "fuzz.h"
#include "uefi/siglist.h"

typedef struct Visit {
    const guint8 *end;
    gsize n_bytes;
} Visit;

static void check_entry(
        SiglistType type, const EfiGuid *owner, const guint8 *data, gsize size, gpointer userdata) {
    Visit *visit = userdata;

    g_assert_true(size <= (gsize)(visit->end - data));
    g_assert_true(type != SIGLIST_SHA256 || size == 32);
    visit->n_bytes += sizeof *owner + size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Visit visit = {.end = data + size};
    const gsize end = siglist_visit(data, size, check_entry, &visit);

    g_assert_cmpuint(end, <=, size);
    g_assert_cmpuint(visit.n_bytes, <=, end);
    return 0;
}
