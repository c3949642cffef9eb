/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/image.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util.h"

#define KIB 1024

static ImageInfo probe(const char *dir, const char *name, const char *format) {
    g_autofree char *path = g_build_filename(dir, name, NULL);
    ImageInfo info = {.size = 77};

    g_assert_cmpint(image_probe(NULL, path, format, &info), ==, 0);
    return info;
}

static void assert_ok(const char *dir, const char *name, const char *format, guint64 size) {
    ImageInfo info = probe(dir, name, format);

    g_assert_cmpint(info.status, ==, IMAGE_STATUS_OK);
    g_assert_cmpuint(info.size, ==, size);
}

static void assert_status(
        const char *dir, const char *name, const char *format, ImageStatus status) {
    g_assert_cmpint(probe(dir, name, format).status, ==, status);
}

/* -- raw --------------------------------------------------------------------------------- */

static void raw_size_is_the_length_in_bytes(void) {
    g_autoptr(TestDir) dir = test_dir_new();

    test_write_sparse(dir, "empty", 0);
    test_write_sparse(dir, "odd", 64 * KIB * KIB - 100);
    test_write_sparse(dir, "huge", G_GUINT64_CONSTANT(1) << 42);
    assert_ok(dir, "empty", "raw", 0);
    assert_ok(dir, "odd", "raw", 64 * KIB * KIB - 100);
    assert_ok(dir, "huge", "raw", G_GUINT64_CONSTANT(1) << 42);
}

static void a_qcow2_is_not_raw(void) {
    g_autoptr(TestDir) dir = test_dir_new();

    test_write(dir, "magic", "QFI\xfb", 4);
    test_write(dir, "almost", "QFI\xfa", 4);
    test_write(dir, "short", "QFI", 3);
    assert_status(dir, "magic", "raw", IMAGE_STATUS_BAD_FORMAT);
    assert_ok(dir, "almost", "raw", 4);
    assert_ok(dir, "short", "raw", 3);
}

/* -- qcow2 ------------------------------------------------------------------------------- */

typedef struct Change {
    gsize offset;
    gsize n_bytes; /* of a big-endian number */
    guint64 value;
} Change;

static void make_qcow2(const char *dir, const Change *changes, gsize n_changes, gsize size) {
    guint8 header[TEST_QCOW2_SIZE];

    test_qcow2_header(header, 528 * KIB);
    for (gsize i = 0; i < n_changes; i++)
        for (gsize j = 0; j < changes[i].n_bytes; j++)
            header[changes[i].offset + j] =
                    (guint8)(changes[i].value >> (8 * (changes[i].n_bytes - 1 - j)));
    test_write(dir, "q", header, size);
}

static void assert_changed_qcow2(gsize offset, gsize n_bytes, guint64 value, gboolean is_ok) {
    g_autoptr(TestDir) dir = test_dir_new();
    Change change = {offset, n_bytes, value};

    make_qcow2(dir, &change, 1, TEST_QCOW2_SIZE);
    if (is_ok)
        assert_ok(dir, "q", "qcow2", 528 * KIB);
    else
        assert_status(dir, "q", "qcow2", IMAGE_STATUS_BAD_FORMAT);
}

static void qcow2_versions_2_and_3_are_taken(void) {
    assert_changed_qcow2(4, 4, 3, TRUE);
    assert_changed_qcow2(4, 4, 2, TRUE);
    assert_changed_qcow2(4, 4, 1, FALSE);
    assert_changed_qcow2(4, 4, 4, FALSE);
    assert_changed_qcow2(4, 4, 0x02000000, FALSE);
}

static void qcow2_clusters_have_512_bytes_to_2_mib(void) {
    assert_changed_qcow2(20, 4, 9, TRUE);
    assert_changed_qcow2(20, 4, 21, TRUE);
    assert_changed_qcow2(20, 4, 8, FALSE);
    assert_changed_qcow2(20, 4, 22, FALSE);
    assert_changed_qcow2(20, 4, 0xffffffff, FALSE);
}

static void encrypted_qcow2_is_refused(void) {
    assert_changed_qcow2(32, 4, 1, FALSE);
    assert_changed_qcow2(32, 4, 2, FALSE);
}

static void unknown_incompatible_features_are_refused(void) {
    assert_changed_qcow2(72, 8, 0x1b, TRUE);
    assert_changed_qcow2(72, 8, 0x20, FALSE);
    assert_changed_qcow2(72, 8, G_GUINT64_CONSTANT(1) << 63, FALSE);
    /* compatible and autoclear features do not matter */
    assert_changed_qcow2(80, 8, G_MAXUINT64, TRUE);
    assert_changed_qcow2(88, 8, G_MAXUINT64, TRUE);
}

static void version_2_has_no_feature_bits(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    Change changes[] = {{4, 4, 2}, {72, 8, G_MAXUINT64}};

    make_qcow2(dir, changes, G_N_ELEMENTS(changes), TEST_QCOW2_SIZE);
    assert_ok(dir, "q", "qcow2", 528 * KIB);
}

/* -- what refers to other files ---------------------------------------------------------- */

static void assert_foreign(
        const Change *changes, gsize n_changes, ImageStatus status, gboolean is_foreign) {
    g_autoptr(TestDir) dir = test_dir_new();
    ImageInfo info;

    make_qcow2(dir, changes, n_changes, TEST_QCOW2_SIZE);
    info = probe(dir, "q", "qcow2");
    g_assert_cmpint(info.status, ==, status);
    g_assert_true(info.is_foreign == is_foreign);
    /* whatever else it says */
    g_assert_false(probe(dir, "q", "raw").is_foreign);
}

static void assert_foreign_field(
        gsize offset, guint64 value, ImageStatus status, gboolean is_foreign) {
    const Change change = {offset, 8, value};

    assert_foreign(&change, 1, status, is_foreign);
}

static void a_backing_file_is_foreign(void) {
    const Change version_2[] = {{4, 4, 2}, {8, 8, 0x70}};

    assert_foreign(NULL, 0, IMAGE_STATUS_OK, FALSE);
    assert_foreign_field(8, 0x70, IMAGE_STATUS_OK, TRUE);
    assert_foreign_field(8, G_GUINT64_CONSTANT(1) << 63, IMAGE_STATUS_OK, TRUE);
    assert_foreign(version_2, 2, IMAGE_STATUS_OK, TRUE);
}

static void a_data_file_is_foreign(void) {
    const Change version_2[] = {{4, 4, 2}, {72, 8, 0x4}};

    assert_foreign_field(72, 0x4, IMAGE_STATUS_OK, TRUE);
    assert_foreign_field(72, 0x1f, IMAGE_STATUS_OK, TRUE);
    /* dirty, corrupt, compression type, extended L2 entries */
    assert_foreign_field(72, 0x1b, IMAGE_STATUS_OK, FALSE);
    assert_foreign(version_2, 2, IMAGE_STATUS_OK, FALSE);
}

static void unknown_incompatible_features_are_foreign(void) {
    for (guint bit = 5; bit < 64; bit++)
        assert_foreign_field(72, G_GUINT64_CONSTANT(1) << bit, IMAGE_STATUS_BAD_FORMAT, TRUE);
    assert_foreign_field(80, G_MAXUINT64, IMAGE_STATUS_OK, FALSE);
    assert_foreign_field(88, G_MAXUINT64, IMAGE_STATUS_OK, FALSE);
}

static void other_formats_are_never_foreign(void) {
    g_autoptr(TestDir) dir = test_dir_new();

    test_write_text(dir, "json", "{}");
    test_write_text(dir, "text", "backing");
    g_assert_false(probe(dir, "json", "json").is_foreign);
    g_assert_false(probe(dir, "text", "raw").is_foreign);
    g_assert_false(probe(dir, "text", "qcow2").is_foreign);
    g_assert_false(probe(dir, "no", "qcow2").is_foreign);
}

static void truncated_headers_are_refused(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    const Change version_2 = {4, 4, 2};

    for (gsize size = 0; size < TEST_QCOW2_SIZE; size++) {
        make_qcow2(dir, NULL, 0, size);
        assert_status(dir, "q", "qcow2", IMAGE_STATUS_BAD_FORMAT);
    }
    make_qcow2(dir, &version_2, 1, 72);
    assert_ok(dir, "q", "qcow2", 528 * KIB);
    make_qcow2(dir, &version_2, 1, 71);
    assert_status(dir, "q", "qcow2", IMAGE_STATUS_BAD_FORMAT);
}

static void qcow2_size_is_virtual_and_in_whole_sectors(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    Change change = {24, 8, 0};
    static const guint64 sizes[][2] = {
            {0, 0}, {511, 0}, {512, 512}, {1023, 512}, {G_MAXINT64, G_MAXINT64 - 511},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        change.value = sizes[i][0];
        make_qcow2(dir, &change, 1, TEST_QCOW2_SIZE);
        assert_ok(dir, "q", "qcow2", sizes[i][1]);
    }
}

/* of which no record could be made: JSON's numbers end there */
static void qcow2_size_has_63_bits(void) {
    assert_foreign_field(24, G_MAXINT64, IMAGE_STATUS_OK, FALSE);
    assert_foreign_field(24, G_GUINT64_CONSTANT(1) << 63, IMAGE_STATUS_BAD_FORMAT, FALSE);
    assert_foreign_field(24, G_MAXUINT64, IMAGE_STATUS_BAD_FORMAT, FALSE);
}

static void raw_is_not_qcow2(void) {
    g_autoptr(TestDir) dir = test_dir_new();

    test_write_sparse(dir, "raw", 8192);
    assert_status(dir, "raw", "qcow2", IMAGE_STATUS_BAD_FORMAT);
}

/* -- JSON stores ------------------------------------------------------------------------- */

static void a_json_store_is_an_object(void) {
    g_autoptr(TestDir) dir = test_dir_new();

    test_write_text(dir, "object", "\n\t {\"version\": 2}");
    test_write_text(dir, "list", "[]");
    test_write_text(dir, "binary", "\xff{");
    test_write_sparse(dir, "zeros", 4096);
    assert_ok(dir, "object", "json", 0);
    assert_status(dir, "list", "json", IMAGE_STATUS_BAD_FORMAT);
    assert_status(dir, "binary", "json", IMAGE_STATUS_BAD_FORMAT);
    assert_status(dir, "zeros", "json", IMAGE_STATUS_BAD_FORMAT);
}

static void a_json_store_has_at_most_1_mib(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autofree char *text = g_strnfill(1048577, ' ');

    text[0] = '{';
    test_write(dir, "largest", text, 1048576);
    test_write(dir, "larger", text, 1048577);
    assert_ok(dir, "largest", "json", 0);
    assert_status(dir, "larger", "json", IMAGE_STATUS_TOO_LARGE);
}

/* -- files ------------------------------------------------------------------------------- */

static void unknown_formats_are_bad(void) {
    g_autoptr(TestDir) dir = test_dir_new();

    test_write_text(dir, "a", "a");
    assert_status(dir, "a", "vmdk", IMAGE_STATUS_BAD_FORMAT);
    assert_status(dir, "a", "RAW", IMAGE_STATUS_BAD_FORMAT);
    assert_status(dir, "a", "", IMAGE_STATUS_BAD_FORMAT);
    assert_status(dir, "no", "vmdk", IMAGE_STATUS_MISSING);
}

static void missing_is_told_from_unreadable(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autofree char *fifo = g_build_filename(dir, "fifo", NULL);
    g_autofree char *long_name = g_strnfill(300, 'a');

    g_free(test_mkdir(dir, "directory"));
    g_assert_no_errno(mkfifo(fifo, 0600));
    test_write_text(dir, "file", "");
    test_link(dir, "dangling", "nowhere");
    test_link(dir, "loop", "loop");
    test_link(dir, "link", "file");
    test_link(dir, "zero", "/dev/zero");
    assert_status(dir, "nowhere", "raw", IMAGE_STATUS_MISSING);
    assert_status(dir, "file/below", "raw", IMAGE_STATUS_MISSING);
    assert_status(dir, "dangling", "raw", IMAGE_STATUS_MISSING);
    assert_status(dir, "fifo", "raw", IMAGE_STATUS_UNREADABLE);
    assert_status(dir, "directory", "raw", IMAGE_STATUS_UNREADABLE);
    assert_status(dir, "loop", "raw", IMAGE_STATUS_UNREADABLE);
    assert_status(dir, "zero", "raw", IMAGE_STATUS_UNREADABLE);
    assert_status(dir, long_name, "raw", IMAGE_STATUS_UNREADABLE);
    assert_ok(dir, "link", "raw", 0);
}

static void an_open_file_is_read_from_its_beginning(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autofree char *path = g_build_filename(dir, "q", NULL);
    ImageInfo info;
    int fd;

    make_qcow2(dir, NULL, 0, TEST_QCOW2_SIZE);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    g_assert_cmpint(lseek(fd, 10, SEEK_SET), ==, 10);
    g_assert_cmpint(image_probe_fd(fd, IMAGE_FORMAT_QCOW2, &info), ==, 0);
    g_assert_cmpint(info.status, ==, IMAGE_STATUS_OK);
    g_assert_cmpint(lseek(fd, 0, SEEK_CUR), ==, 10);
    g_assert_no_errno(close(fd));
    g_assert_cmpint(image_probe_fd(fd, IMAGE_FORMAT_QCOW2, &info), <, 0);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(raw_size_is_the_length_in_bytes),
            TEST_CASE(a_qcow2_is_not_raw),
            TEST_CASE(qcow2_versions_2_and_3_are_taken),
            TEST_CASE(qcow2_clusters_have_512_bytes_to_2_mib),
            TEST_CASE(encrypted_qcow2_is_refused),
            TEST_CASE(unknown_incompatible_features_are_refused),
            TEST_CASE(version_2_has_no_feature_bits),
            TEST_CASE(a_backing_file_is_foreign),
            TEST_CASE(a_data_file_is_foreign),
            TEST_CASE(unknown_incompatible_features_are_foreign),
            TEST_CASE(other_formats_are_never_foreign),
            TEST_CASE(truncated_headers_are_refused),
            TEST_CASE(qcow2_size_is_virtual_and_in_whole_sectors),
            TEST_CASE(qcow2_size_has_63_bits),
            TEST_CASE(raw_is_not_qcow2),
            TEST_CASE(a_json_store_is_an_object),
            TEST_CASE(a_json_store_has_at_most_1_mib),
            TEST_CASE(unknown_formats_are_bad),
            TEST_CASE(missing_is_told_from_unreadable),
            TEST_CASE(an_open_file_is_read_from_its_beginning),
    };

    return test_main(argc, argv, "image", cases, G_N_ELEMENTS(cases));
}
