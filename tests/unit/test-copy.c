/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/copy.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "util.h"

#define KIB 1024
#define MIB (1024 * KIB)
#define BLOCK 4096

static int open_in(const char *dir, const char *name, int flags) {
    g_autofree char *path = g_build_filename(dir, name, NULL);
    int fd = open(path, flags | O_CLOEXEC, 0600);

    g_assert_no_errno(fd);
    return fd;
}

static struct stat stat_of(int fd) {
    struct stat st;

    g_assert_no_errno(fstat(fd, &st));
    return st;
}

static void put(int fd, guint64 offset, const char *text) {
    g_assert_cmpint(pwrite(fd, text, strlen(text), (off_t)offset), ==, (gssize)strlen(text));
}

/* The first SIZE bytes of A and B are the same. */
static void assert_same_bytes(int a, int b, guint64 size) {
    g_autofree guint8 *bytes_a = g_malloc(MIB);
    g_autofree guint8 *bytes_b = g_malloc(MIB);
    gsize n_a;
    gsize n_b;

    for (guint64 offset = 0; offset < size; offset += MIB) {
        gsize wanted = MIN(MIB, size - offset);

        g_assert_cmpint(file_read_at(a, offset, bytes_a, wanted, &n_a), ==, 0);
        g_assert_cmpint(file_read_at(b, offset, bytes_b, wanted, &n_b), ==, 0);
        g_assert_cmpmem(bytes_a, n_a, bytes_b, n_b);
        g_assert_cmpuint(n_a, ==, wanted);
    }
}

/* -- copies ------------------------------------------------------------------------------ */

static void assert_copied(const char *dir, int from, guint64 size, guint64 total_size) {
    g_auto(FileFd) to = open_in(dir, "copy", O_RDWR | O_CREAT | O_TRUNC);
    g_autofree guint8 *tail = g_malloc0(total_size - size + 1);
    gsize n;

    g_assert_cmpint(copy_file(from, to, size, total_size), ==, 0);
    g_assert_cmpint(stat_of(to).st_size, ==, (goffset)total_size);
    assert_same_bytes(from, to, size);

    /* what comes after it is zeros */
    g_assert_cmpint(file_read_at(to, size, tail, total_size - size + 1, &n), ==, 0);
    g_assert_cmpuint(n, ==, total_size - size);
    for (gsize i = 0; i < n; i++)
        g_assert_cmpuint(tail[i], ==, 0);
}

static void each_size_is_copied(void) {
    static const guint64 sizes[] = {
            0,
            1,
            511,
            BLOCK - 1,
            BLOCK,
            BLOCK + 1,
            256 * KIB - 1,
            256 * KIB,
            256 * KIB + 1,
            3 * 256 * KIB + 77,
    };
    g_autoptr(TestDir) dir = test_dir_new();

    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autofree char *data = g_strnfill(sizes[i], 'x');
        g_auto(FileFd) from = FILE_FD_NONE;

        test_write(dir, "data", data, sizes[i]);
        from = open_in(dir, "data", O_RDONLY);
        assert_copied(dir, from, sizes[i], sizes[i]);
        assert_copied(dir, from, sizes[i], sizes[i] + 1);
        assert_copied(dir, from, sizes[i], sizes[i] + 70000);
        assert_copied(dir, from, sizes[i] / 2, sizes[i] / 2);
        assert_copied(dir, from, sizes[i] / 2, sizes[i]);
    }
}

/* Data in the midst of zeros, at the edges of blocks and chunks, in both ways of writing zeros. */
static void data_among_zeros_is_copied(void) {
    static const guint64 offsets[] = {
            0, BLOCK - 1, BLOCK, 3 * BLOCK + 5, 256 * KIB - 1, 256 * KIB, 1000 * KIB, 2 * MIB - 3,
    };
    g_autoptr(TestDir) dir = test_dir_new();
    g_autofree char *zeros = g_malloc0(2 * MIB);

    for (guint allocate = 0; allocate < 2; allocate++)
        for (gsize i = 0; i < G_N_ELEMENTS(offsets); i++) {
            g_auto(FileFd) from = FILE_FD_NONE;

            if (allocate)
                test_write(dir, "data", zeros, 2 * MIB);
            else
                test_write_sparse(dir, "data", 2 * MIB);
            from = open_in(dir, "data", O_RDWR);
            put(from, offsets[i], "abc");
            assert_copied(dir, from, 2 * MIB, 2 * MIB);
            assert_copied(dir, from, 2 * MIB, 2 * MIB + 512);
            assert_copied(dir, from, offsets[i] + 2, 2 * MIB);
        }
}

static void holes_and_zeros_take_no_blocks(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autofree char *zeros = g_malloc0(4 * MIB);

    for (guint allocate = 0; allocate < 2; allocate++) {
        g_auto(FileFd) from = FILE_FD_NONE;
        g_auto(FileFd) to = open_in(dir, "copy", O_RDWR | O_CREAT | O_TRUNC);

        if (allocate)
            test_write(dir, "data", zeros, 4 * MIB);
        else
            test_write_sparse(dir, "data", 4 * MIB);
        from = open_in(dir, "data", O_RDWR);
        put(from, MIB, "abc");
        /* to another size: where blocks are shared, zeros may be */
        g_assert_cmpint(copy_file(from, to, 4 * MIB - 1, 64 * MIB), ==, 0);
        g_assert_cmpint(stat_of(to).st_size, ==, 64 * MIB);
        g_assert_cmpint(stat_of(to).st_blocks * 512, <=, 128 * KIB);
        assert_same_bytes(from, to, 4 * MIB - 1);
    }
}

/* In no time: the holes are not read. */
static void a_huge_hole_is_no_work(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    const guint64 size = G_GUINT64_CONSTANT(1) << 42;
    g_auto(FileFd) from = FILE_FD_NONE;
    g_auto(FileFd) to = open_in(dir, "copy", O_RDWR | O_CREAT);
    char end[4] = "";
    gsize n;

    test_write_sparse(dir, "data", size);
    from = open_in(dir, "data", O_RDWR);
    put(from, size - 3, "abc");
    g_assert_cmpint(copy_file(from, to, size, size), ==, 0);
    g_assert_cmpint(stat_of(to).st_size, ==, (goffset)size);
    g_assert_cmpint(file_read_at(to, size - 3, end, 3, &n), ==, 0);
    g_assert_cmpstr(end, ==, "abc");
}

static void memory_files_are_copied(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_auto(FileFd) from = memfd_create("template", MFD_CLOEXEC);

    g_assert_no_errno(ftruncate(from, 540672));
    put(from, 4000, "across the edge of a block");
    for (guint64 offset = 4026; offset < 65536; offset += 13)
        put(from, offset, "0123456789abc");
    assert_copied(dir, from, 540672, 540672);
    assert_copied(dir, from, 540672, MIB);
    assert_copied(dir, from, 65536 + 1, MIB);
}

static void positions_stay(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_auto(FileFd) from = FILE_FD_NONE;
    g_auto(FileFd) to = open_in(dir, "copy", O_RDWR | O_CREAT);
    char begin[6] = "";
    gsize n;

    test_write_text(dir, "data", "abcdef");
    from = open_in(dir, "data", O_RDONLY);
    g_assert_cmpint(lseek(from, 4, SEEK_SET), ==, 4);
    g_assert_cmpint(copy_file(from, to, 5, 5), ==, 0);
    g_assert_cmpint(file_read_at(to, 0, begin, 6, &n), ==, 0);
    g_assert_cmpstr(begin, ==, "abcde");
}

static void a_file_that_is_too_short_is_told(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_auto(FileFd) from = FILE_FD_NONE;
    g_auto(FileFd) to = open_in(dir, "copy", O_RDWR | O_CREAT);

    test_write_text(dir, "data", "abc");
    from = open_in(dir, "data", O_RDONLY);
    g_assert_cmpint(copy_file(from, to, 4, 4), ==, -ENODATA);
    g_assert_cmpint(copy_file(from, to, G_MAXINT64, G_MAXINT64), ==, -ENODATA);
    g_assert_cmpint(stat_of(to).st_size, ==, 0);
}

static void files_that_cannot_be_used_are_told(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_auto(FileFd) from = FILE_FD_NONE;
    g_auto(FileFd) writer = FILE_FD_NONE;
    g_auto(FileFd) to = open_in(dir, "copy", O_RDWR | O_CREAT);
    g_auto(FileFd) reader = open_in(dir, "copy", O_RDONLY);
    g_auto(FileFd) full = open("/dev/full", O_RDWR | O_CLOEXEC);

    test_write_text(dir, "data", "abc");
    from = open_in(dir, "data", O_RDONLY);
    writer = open_in(dir, "data", O_WRONLY);
    g_assert_cmpint(copy_file(-1, to, 3, 3), ==, -EBADF);
    g_assert_cmpint(copy_file(from, -1, 3, 3), ==, -EBADF);
    g_assert_cmpint(copy_file(writer, to, 3, 3), ==, -EBADF);
    g_assert_cmpint(copy_file(from, reader, 3, 3), <, 0);
    g_assert_cmpint(copy_file(from, full, 3, 3), ==, -ENOSPC);
}

/* As from a pipe, chunk by chunk. */
static void chunks_keep_holes(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_auto(FileFd) to = open_in(dir, "copy", O_RDWR | O_CREAT);
    g_autofree guint8 *zeros = g_malloc0(MIB);
    guint8 end[4] = "";
    gsize n;

    g_assert_cmpint(copy_chunk(to, "abc", 3), ==, 0);
    g_assert_cmpint(copy_chunk(to, zeros, MIB), ==, 0);
    g_assert_cmpint(copy_chunk(to, "def", 3), ==, 0);
    g_assert_cmpint(file_read_at(to, MIB + 3, end, sizeof end, &n), ==, 0);
    g_assert_cmpmem(end, n, "def", 3);
    g_assert_cmpint(stat_of(to).st_blocks * 512, <, MIB / 2);
    g_assert_cmpint(copy_chunk(-1, "a", 1), ==, -EBADF);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(each_size_is_copied),
            TEST_CASE(data_among_zeros_is_copied),
            TEST_CASE(holes_and_zeros_take_no_blocks),
            TEST_CASE(a_huge_hole_is_no_work),
            TEST_CASE(memory_files_are_copied),
            TEST_CASE(positions_stay),
            TEST_CASE(a_file_that_is_too_short_is_told),
            TEST_CASE(chunks_keep_holes),
            TEST_CASE(files_that_cannot_be_used_are_told),
    };

    return test_main(argc, argv, "copy", cases, G_N_ELEMENTS(cases));
}
