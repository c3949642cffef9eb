/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/qcow2.h"

#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "core/image.h"
#include "core/store-file.h"
#include "util.h"

/* Images made by hand, with what qemu-img does not write. Clusters have 512 bytes; the first ones
 * hold the header, the L1 table, an L2 table, and the guest's first cluster. */

#define CLUSTER 512
#define AT_L1 CLUSTER
#define AT_L2 (2 * CLUSTER)
#define AT_DATA (3 * CLUSTER)
#define IMAGE_SIZE (5 * CLUSTER)

/* bits of an entry in an L2 table */
#define COMPRESSED (G_GUINT64_CONSTANT(1) << 62)
#define ONE_MORE_SECTOR (G_GUINT64_CONSTANT(1) << 61)
#define ZERO 1

typedef struct Image {
    guint8 bytes[IMAGE_SIZE];
} Image;

static void put(Image *image, gsize offset, gsize n_bytes, guint64 value) {
    for (gsize i = 0; i < n_bytes; i++)
        image->bytes[offset + i] = (guint8)(value >> (8 * (n_bytes - 1 - i)));
}

/* Its first cluster is full of d. */
static Image make_image(void) {
    Image image = {};

    test_qcow2_header(image.bytes, 64 * CLUSTER);
    put(&image, 20, 4, 9);
    put(&image, 36, 4, 1);
    put(&image, 40, 8, AT_L1);
    put(&image, AT_L1, 8, AT_L2);
    put(&image, AT_L2, 8, AT_DATA);
    memset(image.bytes + AT_DATA, 'd', CLUSTER);
    return image;
}

static int read_image(const Image *image, guint64 offset, guint8 *buffer, gsize size) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autofree char *path = g_build_filename(dir, "q", NULL);
    g_auto(FileFd) fd = FILE_FD_NONE;

    test_write(dir, "q", image->bytes, sizeof image->bytes);
    g_assert_cmpint(file_open_regular(AT_FDCWD, path, &fd, NULL), ==, 0);
    return qcow2_read(fd, offset, buffer, size);
}

/* One byte all over. */
static void assert_reads(const Image *image, guint64 offset, gsize size, guint8 expected) {
    g_autofree guint8 *buffer = g_malloc(size);

    memset(buffer, 'x', size);
    g_assert_cmpint(read_image(image, offset, buffer, size), ==, 0);
    for (gsize i = 0; i < size; i++)
        g_assert_cmpint(buffer[i], ==, expected);
}

static void assert_fails(const Image *image, int expected) {
    guint8 buffer[CLUSTER];

    g_assert_cmpint(read_image(image, 0, buffer, sizeof buffer), ==, expected);
}

static void assert_field(gsize offset, gsize n_bytes, guint64 value, int expected) {
    Image image = make_image();

    put(&image, offset, n_bytes, value);
    if (expected < 0)
        assert_fails(&image, expected);
    else
        assert_reads(&image, 0, CLUSTER, (guint8)expected);
}

static void what_is_not_there_is_zeros(void) {
    Image image = make_image();

    assert_reads(&image, 0, CLUSTER, 'd');
    assert_reads(&image, CLUSTER - 1, 1, 'd');
    assert_reads(&image, CLUSTER, 3 * CLUSTER, 0);
    /* what the L1 table does not hold: an L2 table has 64 entries */
    assert_reads(&image, 64 * CLUSTER, CLUSTER, 0);
    assert_field(36, 4, 0, 0);
    assert_field(AT_L1, 8, 0, 0);
    assert_field(AT_L2, 8, 0, 0);
    /* tables and clusters behind the end */
    assert_field(40, 8, IMAGE_SIZE, 0);
    assert_field(AT_L1, 8, IMAGE_SIZE, 0);
    assert_field(AT_L2, 8, IMAGE_SIZE, 0);
}

/* Version 2 does not know the flag. */
static void zeros_hide_a_cluster(void) {
    Image image = make_image();

    put(&image, AT_L2, 8, AT_DATA | ZERO);
    assert_reads(&image, 0, CLUSTER, 0);
    put(&image, 4, 4, 2);
    assert_reads(&image, 0, CLUSTER, 'd');
}

static void a_table_where_no_file_reaches(void) {
    assert_field(40, 8, G_MAXUINT64, -EUCLEAN);
    assert_field(40, 8, (guint64)G_MAXINT64 + 1, -EUCLEAN);
    assert_field(40, 8, G_MAXINT64, -EUCLEAN);
    assert_field(40, 8, G_MAXINT64 - 8, 0);
    assert_field(AT_L1, 8, G_GUINT64_CONSTANT(0x00fffffffffffe00), 0);
    assert_field(AT_L2, 8, G_GUINT64_CONSTANT(0x00fffffffffffe00), 0);
}

/* The header has been checked, and the file has changed since. */
static void a_header_that_changes(void) {
    assert_field(20, 4, 8, -EUCLEAN);
    assert_field(20, 4, 22, -EUCLEAN);
    assert_field(20, 4, 0xffffffff, -EUCLEAN);
}

/* One block of deflate that is stored as it is, of SIZE bytes. */
static Image make_compressed(guint16 size) {
    Image image = make_image();
    const guint16 lengths[] = {GUINT16_TO_LE(size), GUINT16_TO_LE((guint16)~size)};

    put(&image, AT_L2, 8, COMPRESSED | ONE_MORE_SECTOR | AT_DATA);
    image.bytes[AT_DATA] = 1;
    memcpy(image.bytes + AT_DATA + 1, lengths, sizeof lengths);
    memset(image.bytes + AT_DATA + 5, 'c', CLUSTER);
    return image;
}

static void a_compressed_cluster(void) {
    Image image = make_compressed(CLUSTER);

    assert_reads(&image, 0, CLUSTER, 'c');
    /* it ends before the cluster does */
    image = make_compressed(CLUSTER - 1);
    assert_fails(&image, -EUCLEAN);
    /* it holds more */
    image = make_compressed(CLUSTER + 1);
    assert_reads(&image, 0, CLUSTER, 'c');
    /* it is no deflate, or lies behind the end */
    image = make_compressed(CLUSTER);
    image.bytes[AT_DATA] = 7;
    assert_fails(&image, -EUCLEAN);
    put(&image, AT_L2, 8, COMPRESSED | IMAGE_SIZE);
    assert_fails(&image, -EUCLEAN);
}

/* The field is in the longer header alone, and 0 is deflate. */
static void a_cluster_of_another_compression(void) {
    Image image = make_compressed(CLUSTER);

    put(&image, 72, 8, 8);
    assert_fails(&image, -EOPNOTSUPP);
    put(&image, 100, 4, 112);
    assert_reads(&image, 0, CLUSTER, 'c');
    image.bytes[104] = 1;
    assert_fails(&image, -EOPNOTSUPP);
}

/* Each of 32 has a bit for "allocated" and one for "zeros". */
static void subclusters(void) {
    Image image = make_image();

    put(&image, 72, 8, 16);
    put(&image, AT_L2 + 8, 8, 0xffffffff);
    assert_reads(&image, 0, CLUSTER, 'd');
    put(&image, AT_L2 + 8, 8, 1);
    assert_reads(&image, 0, CLUSTER / 32, 'd');
    assert_reads(&image, CLUSTER / 32, CLUSTER - CLUSTER / 32, 0);
    put(&image, AT_L2 + 8, 8, G_GUINT64_CONSTANT(0xffffffff00000000));
    assert_reads(&image, 0, CLUSTER, 0);
    put(&image, AT_L2 + 8, 8, G_GUINT64_CONSTANT(0x0000000100000001));
    assert_fails(&image, -EUCLEAN);
}

static void a_store_with_a_malformed_table_is_unreadable(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autofree char *path = g_build_filename(dir, "q", NULL);
    g_autoptr(Store) store = NULL;
    g_auto(FileFd) fd = FILE_FD_NONE;
    Image image = make_image();
    ImageInfo info;

    put(&image, 40, 8, G_MAXUINT64);
    test_write(dir, "q", image.bytes, sizeof image.bytes);
    g_assert_cmpint(file_open_regular(AT_FDCWD, path, &fd, NULL), ==, 0);
    g_assert_cmpint(store_file_read(fd, IMAGE_FORMAT_QCOW2, &store), ==, 0);
    g_assert_cmpint(store->health, ==, STORE_HEALTH_UNREADABLE);
    g_assert_cmpuint(store->size, ==, 64 * CLUSTER);
    g_assert_cmpstr(store->detail, ==, "a table of the qcow2 image is malformed");
    /* what is in it is not known, and that is all: QEMU might still open it */
    g_assert_cmpint(image_probe(NULL, path, "qcow2", &info), ==, 0);
    g_assert_cmpint(info.status, ==, IMAGE_STATUS_OK);
    g_assert_cmpint(info.content.kind, ==, CONTENT_UNKNOWN);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(what_is_not_there_is_zeros),
            TEST_CASE(zeros_hide_a_cluster),
            TEST_CASE(a_table_where_no_file_reaches),
            TEST_CASE(a_header_that_changes),
            TEST_CASE(a_compressed_cluster),
            TEST_CASE(a_cluster_of_another_compression),
            TEST_CASE(subclusters),
            TEST_CASE(a_store_with_a_malformed_table_is_unreadable),
    };

    return test_main(argc, argv, "qcow2", cases, G_N_ELEMENTS(cases));
}
