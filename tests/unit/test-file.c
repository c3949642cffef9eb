/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util.h"

static int open_below(const char *dir, const char *name, FileFd *ret_fd, struct stat *ret_stat) {
    g_autofree char *path = g_build_filename(dir, name, NULL);

    return file_open_regular(AT_FDCWD, path, ret_fd, ret_stat);
}

static void regular_files_are_opened(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_auto(FileFd) fd = FILE_FD_NONE;
    g_auto(FileFd) link_fd = FILE_FD_NONE;
    struct stat st;

    test_write_text(dir, "a", "hello");
    test_link(dir, "link", "a");
    g_assert_cmpint(open_below(dir, "a", &fd, &st), ==, 0);
    g_assert_cmpint(st.st_size, ==, 5);
    g_assert_cmpint(fcntl(fd, F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
    g_assert_cmpint(fcntl(fd, F_GETFL) & O_ACCMODE, ==, O_RDONLY);
    g_assert_cmpint(fcntl(fd, F_GETFL) & O_NONBLOCK, ==, O_NONBLOCK);
    g_assert_cmpint(open_below(dir, "link", &link_fd, NULL), ==, 0);
}

static void a_directory_may_be_the_base(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_auto(FileFd) dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_auto(FileFd) fd = FILE_FD_NONE;

    test_write_text(dir, "a", "");
    g_assert_cmpint(file_open_regular(dir_fd, "a", &fd, NULL), ==, 0);
}

static void assert_not_opened(const char *dir, const char *name, int error) {
    FileFd fd = -77;
    struct stat st = {.st_size = 77};

    g_assert_cmpint(open_below(dir, name, &fd, &st), ==, error);
    g_assert_cmpint(fd, ==, -77);
    g_assert_cmpint(st.st_size, ==, 77);
}

static void other_files_are_not_opened(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autofree char *fifo = g_build_filename(dir, "fifo", NULL);

    g_free(test_mkdir(dir, "directory"));
    g_assert_no_errno(mkfifo(fifo, 0600));
    test_link(dir, "zero", "/dev/zero");
    test_link(dir, "loop", "loop");
    test_write_text(dir, "file", "");
    assert_not_opened(dir, "fifo", -ENOTSUP);
    assert_not_opened(dir, "directory", -ENOTSUP);
    assert_not_opened(dir, "zero", -ENOTSUP);
    assert_not_opened(dir, "loop", -ELOOP);
    assert_not_opened(dir, "nowhere", -ENOENT);
    assert_not_opened(dir, "file/below", -ENOTDIR);
}

static void reading_stops_at_the_end(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_auto(FileFd) fd = FILE_FD_NONE;
    char buffer[8] = "........";
    gsize size = 77;

    test_write_text(dir, "a", "hello");
    g_assert_cmpint(open_below(dir, "a", &fd, NULL), ==, 0);
    g_assert_cmpint(file_read_at(fd, 0, buffer, 2, &size), ==, 0);
    g_assert_cmpmem(buffer, size, "he", 2);
    g_assert_cmpint(file_read_at(fd, 3, buffer, sizeof buffer, &size), ==, 0);
    g_assert_cmpmem(buffer, size, "lo", 2);
    g_assert_cmpint(buffer[2], ==, '.');
    g_assert_cmpint(file_read_at(fd, 99, buffer, sizeof buffer, &size), ==, 0);
    g_assert_cmpuint(size, ==, 0);
    g_assert_cmpint(file_read_at(-1, 0, buffer, 1, &size), ==, -EBADF);
}

static gpointer count_bytes(gpointer fd) {
    char buffer[4096];
    gsize total = 0;
    ssize_t n;

    while ((n = read(GPOINTER_TO_INT(fd), buffer, sizeof buffer)) > 0)
        total += (gsize)n;
    return GSIZE_TO_POINTER(total);
}

static void all_is_read_up_to_a_limit(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_auto(FileFd) fd = FILE_FD_NONE;
    g_autoptr(GBytes) bytes = NULL;
    GBytes *unset = NULL;

    test_write_text(dir, "a", "hello");
    g_assert_cmpint(open_below(dir, "a", &fd, NULL), ==, 0);
    g_assert_cmpint(file_read_all(fd, 5, &bytes), ==, 0);
    g_assert_cmpmem(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), "hello", 5);
    g_assert_cmpint(file_read_all(fd, 4, &unset), ==, -EFBIG);
    g_assert_null(unset);
}

static void an_empty_file_is_read(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_auto(FileFd) fd = FILE_FD_NONE;
    g_autoptr(GBytes) bytes = NULL;

    test_write_text(dir, "a", "");
    g_assert_cmpint(open_below(dir, "a", &fd, NULL), ==, 0);
    g_assert_cmpint(file_read_all(fd, 0, &bytes), ==, 0);
    g_assert_cmpuint(g_bytes_get_size(bytes), ==, 0);
}

/* The buffer grows. */
static void a_long_file_is_read(void) {
    static const gsize sizes[] = {16383, 16384, 16385, 65536, 65537, 300000};

    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autoptr(TestDir) dir = test_dir_new();
        g_auto(FileFd) fd = FILE_FD_NONE;
        g_autofree char *text = g_strnfill(sizes[i], 'x');
        g_autoptr(GBytes) bytes = NULL;
        g_autoptr(GBytes) all = NULL;
        GBytes *unset = NULL;

        text[sizes[i] - 1] = 'y';
        test_write_text(dir, "a", text);
        g_assert_cmpint(open_below(dir, "a", &fd, NULL), ==, 0);
        g_assert_cmpint(file_read_all(fd, sizes[i] - 1, &unset), ==, -EFBIG);
        g_assert_null(unset);
        g_assert_cmpint(file_read_all(fd, sizes[i], &bytes), ==, 0);
        g_assert_cmpmem(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), text, sizes[i]);
        g_assert_cmpint(file_read_all(fd, 1024 * 1024, &all), ==, 0);
        g_assert_true(g_bytes_equal(all, bytes));
    }
}

static void a_file_is_read_by_its_name(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_auto(FileFd) dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(GBytes) bytes = NULL;
    GBytes *unset = NULL;

    test_write_text(dir, "a", "hello");
    g_assert_cmpint(file_read(dir_fd, "a", 5, &bytes), ==, 0);
    g_assert_cmpmem(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), "hello", 5);
    g_assert_cmpint(file_read(dir_fd, "a", 4, &unset), ==, -EFBIG);
    g_assert_cmpint(file_read(dir_fd, "b", 4, &unset), ==, -ENOENT);
    g_assert_cmpint(file_read(AT_FDCWD, "/dev/zero", 4, &unset), ==, -ENOTSUP);
    g_assert_null(unset);
}

static void all_is_written(void) {
    static const char data[300000] = "begin";
    int ends[2];
    GThread *reader;

    /* a pipe takes less than this at once */
    g_assert_no_errno(pipe2(ends, O_CLOEXEC));
    reader = g_thread_new("reader", count_bytes, GINT_TO_POINTER(ends[0]));
    g_assert_cmpint(file_write_all(ends[1], data, sizeof data), ==, 0);
    file_fd_close(ends[1]);
    g_assert_cmpuint(GPOINTER_TO_SIZE(g_thread_join(reader)), ==, sizeof data);
    g_assert_cmpint(file_write_all(ends[0], data, 1), ==, -EBADF);
    file_fd_close(ends[0]);
}

static void closing_keeps_errno(void) {
    errno = ENOSPC;
    file_fd_close(-1);
    g_assert_cmpint(errno, ==, ENOSPC);
}

static void variables_close_their_file(void) {
    int number;

    {
        g_auto(FileFd) fd = dup(0);

        number = fd;
        g_assert_cmpint(fcntl(number, F_GETFD), >=, 0);
    }
    g_assert_cmpint(fcntl(number, F_GETFD), ==, -1);
}

static void the_system_is_told_from_a_file(void) {
    g_assert_false(file_is_at_fault(-EMFILE));
    g_assert_false(file_is_at_fault(-ENFILE));
    g_assert_false(file_is_at_fault(-ENOMEM));
    g_assert_true(file_is_at_fault(-ENOENT));
    g_assert_true(file_is_at_fault(-EACCES));
    g_assert_true(file_is_at_fault(-ELOOP));
    g_assert_true(file_is_at_fault(-ENOTSUP));
    g_assert_true(file_is_at_fault(-EIO));
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(regular_files_are_opened),
            TEST_CASE(a_directory_may_be_the_base),
            TEST_CASE(other_files_are_not_opened),
            TEST_CASE(reading_stops_at_the_end),
            TEST_CASE(all_is_read_up_to_a_limit),
            TEST_CASE(an_empty_file_is_read),
            TEST_CASE(a_long_file_is_read),
            TEST_CASE(a_file_is_read_by_its_name),
            TEST_CASE(all_is_written),
            TEST_CASE(closing_keeps_errno),
            TEST_CASE(variables_close_their_file),
            TEST_CASE(the_system_is_told_from_a_file),
    };

    return test_main(argc, argv, "file", cases, G_N_ELEMENTS(cases));
}
