/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "uefi/guid-table.h"

#include <string.h>

#include "uefi/efi.h"
#include "util-volume.h"
#include "util.h"

/* The image in memory, which stands for the file. */
static guint8 image[8192];

static int read_image(int fd, guint64 offset, guint8 *buffer, gsize n) {
    g_assert_cmpuint(offset + n, <=, sizeof image);
    memcpy(buffer, image + offset, n);
    return 0;
}

static guint read_table(gsize size) {
    guint entries = 77;

    /* the last SIZE bytes are the image */
    memmove(image, image + sizeof image - size, size);
    g_assert_cmpint(guid_table_read(-1, size, read_image, &entries), ==, 0);
    return entries;
}

static void write_table(const char *entries) {
    memset(image, 0xff, sizeof image);
    test_put_guid_table(image, sizeof image, entries);
}

static void entries_are_found_in_any_order(void) {
    static const struct {
        const char *entries;
        guint expected;
    } tables[] = {
            {"", 0},
            {"s", GUID_TABLE_SEV_METADATA},
            {"t", GUID_TABLE_TDX_METADATA},
            {"st", GUID_TABLE_SEV_METADATA | GUID_TABLE_TDX_METADATA},
            {"xtxsx", GUID_TABLE_SEV_METADATA | GUID_TABLE_TDX_METADATA},
            {"xx", 0},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(tables); i++) {
        write_table(tables[i].entries);
        g_assert_cmpuint(read_table(sizeof image), ==, tables[i].expected);
    }
}

static void an_image_without_a_table_has_no_entries(void) {
    memset(image, 0, sizeof image);
    g_assert_cmpuint(read_table(sizeof image), ==, 0);
    g_assert_cmpuint(read_table(10), ==, 0);
    g_assert_cmpuint(read_table(0), ==, 0);
}

static void lengths_stay_within_the_table(void) {
    static const guint16 lengths[] = {0, 1, 17, 18, 19, 0x7fff, 0xffff};
    guint8 *footer = image + sizeof image - 50;

    for (gsize i = 0; i < G_N_ELEMENTS(lengths); i++) {
        /* of the table, then of its last entry */
        write_table("st");
        efi_put_u16(footer, lengths[i]);
        g_assert_cmpuint(read_table(sizeof image), ==, 0);
        write_table("xt");
        efi_put_u16(footer - 18, lengths[i]);
        g_assert_cmpuint(read_table(sizeof image) & GUID_TABLE_SEV_METADATA, ==, 0);
    }
    /* a table that begins before the image */
    write_table("st");
    g_assert_cmpuint(read_table(60), ==, 0);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(entries_are_found_in_any_order),
            TEST_CASE(an_image_without_a_table_has_no_entries),
            TEST_CASE(lengths_stay_within_the_table),
    };

    return test_main(argc, argv, "guid-table", cases, G_N_ELEMENTS(cases));
}
