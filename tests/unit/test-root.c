/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/root.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "util.h"

typedef struct Fixture {
    TestDir *directory;
    FileRoot root;
} Fixture;

static void fixture_clear(Fixture *f) {
    file_fd_close(f->root.fd);
    test_dir_free(f->directory);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Fixture, fixture_clear)

static void set_up(Fixture *f) {
    g_autofree char *tree = NULL;
    g_autofree char *usr = NULL;
    g_autofree char *share = NULL;

    f->directory = test_dir_new();
    tree = test_mkdir(f->directory, "tree");
    usr = test_mkdir(tree, "usr");
    share = test_mkdir(usr, "share");
    test_write_text(f->directory, "secret", "outside");
    test_write_text(share, "file", "inside");
    test_write_text(tree, "secret", "not it");
    test_link(tree, "absolute", "/usr/share/file");
    test_link(usr, "up", "../../../../secret");
    test_link(share, "chain", "../../absolute");
    test_link(tree, "alias", "usr/share");
    test_link(tree, "loop", "loop");
    test_link(tree, "dangling", "/nonexistent");
    test_link(tree, "masked", "/dev/null");
    test_link(tree, "magic", "/proc/self/root");
    f->root.fd = open(tree, O_PATH | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint(f->root.fd, >=, 0);
}

static char *read_fd(int fd) {
    g_autoptr(GBytes) bytes = NULL;

    g_assert_cmpint(file_read_all(fd, 100, &bytes), ==, 0);
    return g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
}

/* Both ways agree. TEXT NULL: the error is R. */
static void check(const Fixture *f, const char *path, const char *text, int r) {
    for (guint i = 0; i < 2; i++) {
        g_auto(FileFd) fd = FILE_FD_NONE;
        g_autofree char *found = NULL;
        int got = i == 0 ? root_open(&f->root, path, O_RDONLY, &fd)
                         : root_open_by_components(f->root.fd, path, O_RDONLY, &fd);

        g_test_message("%s %u", path, i);
        g_assert_cmpint(got, ==, r);
        if (text) {
            found = read_fd(fd);
            g_assert_cmpstr(found, ==, text);
        }
    }
}

static void nothing_leads_out(void) {
    g_auto(Fixture) f = {};

    set_up(&f);
    check(&f, "/usr/share/file", "inside", 0);
    check(&f, "/usr//./share/../share/file", "inside", 0);
    check(&f, "/absolute", "inside", 0);
    check(&f, "/usr/share/chain", "inside", 0);
    check(&f, "/alias/file", "inside", 0);
    check(&f, "/alias/../share/file", "inside", 0);
    check(&f, "/../../secret", "not it", 0);
    check(&f, "/usr/up", "not it", 0);
    check(&f, "/loop", NULL, -ELOOP);
    check(&f, "/dangling", NULL, -ENOENT);
    check(&f, "/secret/x", NULL, -ENOTDIR);
    check(&f, "/magic/secret", NULL, -ENOENT);
    check(&f, "/", NULL, 0);
    check(&f, "/..", NULL, 0);
    check(&f, "/alias", NULL, 0);
}

static void links_can_be_opened_themselves(void) {
    g_auto(Fixture) f = {};
    static const int flags = O_PATH | O_NOFOLLOW;

    set_up(&f);
    for (guint i = 0; i < 2; i++) {
        g_auto(FileFd) fd = FILE_FD_NONE;
        struct stat st;

        g_assert_cmpint(
                i == 0 ? root_open(&f.root, "/dangling", flags, &fd)
                       : root_open_by_components(f.root.fd, "/dangling", flags, &fd),
                ==, 0);
        g_assert_cmpint(fstat(fd, &st), ==, 0);
        g_assert_true(S_ISLNK(st.st_mode));
    }
}

static void a_mask_leads_to_dev_null_in_any_way(void) {
    static const char *const masks[] = {"/masked",       "/etc/relative", "/etc/chain",
                                        "/dir/relative", "/etc/twice",    "/etc/dotted"};
    static const char *const others[] = {
            "/dangling", "/secret", "/loop", "/usr", "/missing", "/etc/elsewhere", "/etc/below",
    };
    g_auto(Fixture) f = {};
    g_autofree char *tree = NULL;
    g_autofree char *etc = NULL;
    g_autofree char *dev = NULL;

    set_up(&f);
    tree = g_build_filename(f.directory, "tree", NULL);
    etc = test_mkdir(tree, "etc");
    test_link(tree, "dir", "/etc");
    test_link(etc, "relative", "../dev/null");
    test_link(etc, "chain", "../usr/alternative");
    test_link(etc, "twice", "/dev//null");
    test_link(etc, "dotted", "/dev/./null");
    test_link(etc, "elsewhere", "dev/null");
    test_link(etc, "below", "/dev/null/x");
    test_link(tree, "usr/alternative", "/masked");
    for (guint i = 0; i < 3; i++) {
        for (gsize j = 0; j < G_N_ELEMENTS(masks); j++)
            g_assert_true(root_is_null_device(&f.root, masks[j]));
        for (gsize j = 0; j < G_N_ELEMENTS(others); j++)
            g_assert_false(root_is_null_device(&f.root, others[j]));
        /* without /dev, without the device, and as a file, where nobody could make the device */
        if (i == 0)
            dev = test_mkdir(tree, "dev");
        else
            test_write_text(dev, "null", "");
    }
}

static void the_device_itself_masks(void) {
    g_auto(Fixture) f = {};
    g_autofree char *link = NULL;
    FileRoot host = {.fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)};

    set_up(&f);
    link = g_build_filename(f.directory, "tree", "masked", NULL);
    g_assert_true(root_is_null_device(&host, "/dev/null"));
    g_assert_true(root_is_null_device(&host, link));
    g_assert_false(root_is_null_device(&host, "/dev/zero"));
    file_fd_close(host.fd);
}

static void each_type_is_told(void) {
    g_auto(Fixture) f = {};
    g_autoptr(GBytes) bytes = NULL;
    g_autoptr(RootDirectory) directory = NULL;
    struct stat st;

    set_up(&f);
    g_assert_cmpint(root_read(&f.root, "/usr", 100, &bytes), ==, -ENOTSUP);
    g_assert_cmpint(root_read(&f.root, "/absolute", 100, &bytes), ==, 0);
    g_assert_cmpint(root_open_directory(&f.root, "/secret", &directory), ==, -ENOTDIR);
    g_assert_cmpint(root_open_directory(&f.root, "/alias", &directory), ==, 0);
    g_assert_cmpint(root_stat(&f.root, "/alias", &st), ==, 0);
    g_assert_true(S_ISDIR(st.st_mode));
}

static void a_directory_that_cannot_be_read_has_no_end(void) {
    g_auto(Fixture) f = {};
    g_autoptr(RootDirectory) directory = NULL;
    g_auto(FileFd) file = FILE_FD_NONE;
    const char *name;
    guint n = 0;
    int r;

    set_up(&f);
    g_assert_cmpint(root_open_directory(&f.root, "/usr/share", &directory), ==, 0);
    while ((r = root_directory_next(directory, &name)) > 0)
        n += g_str_equal(name, "file") || g_str_equal(name, "chain") ? 1 : 0;
    g_assert_cmpint(r, ==, 0);
    g_assert_cmpuint(n, ==, 2);
    g_assert_cmpint(root_open(&f.root, "/secret", O_RDONLY, &file), ==, 0);
    g_assert_cmpint(dup2(file, dirfd(directory)), >=, 0);
    g_assert_cmpint(root_directory_next(directory, &name), ==, -ENOTDIR);
}

static void some_paths_are_outside(void) {
    g_auto(Fixture) f = {};
    g_autofree char *own = NULL;
    g_autofree char *path = NULL;
    g_autofree char *other = NULL;
    const char *outside[] = {NULL, NULL};
    g_autoptr(GBytes) bytes = NULL;

    set_up(&f);
    own = test_mkdir(f.directory, "own");
    path = g_build_filename(own, "file", NULL);
    other = g_strconcat(own, "er", NULL);
    outside[0] = own;
    test_write_text(own, "file", "own");
    test_write_text(f.directory, "owner", "another");
    g_assert_cmpint(root_read(&f.root, path, 100, &bytes), ==, -ENOENT);
    f.root.outside = outside;
    g_assert_cmpint(root_read(&f.root, path, 100, &bytes), ==, 0);
    g_assert_cmpint(root_read(&f.root, other, 100, &bytes), ==, -ENOENT);
}

/* The lease of fcntl(2) makes an open(2) fail that must not block. */
static void what_fails_outside_is_not_looked_up_inside(void) {
    g_auto(Fixture) f = {};
    g_autofree char *path = NULL;
    g_autofree char *copy = NULL;
    g_auto(FileFd) leased = FILE_FD_NONE;
    const char *outside[] = {NULL, NULL};
    g_autoptr(GBytes) bytes = NULL;

    set_up(&f);
    outside[0] = f.directory;
    f.root.outside = outside;
    path = g_build_filename(f.directory, "secret", NULL);
    copy = g_build_filename(f.directory, "tree", f.directory, NULL);
    g_assert_cmpint(g_mkdir_with_parents(copy, 0700), ==, 0);
    test_write_text(copy, "secret", "not it");
    (void)signal(SIGIO, SIG_IGN);
    leased = open(path, O_RDWR | O_CLOEXEC);
    g_assert_no_errno(fcntl(leased, F_SETLEASE, F_WRLCK));
    g_assert_cmpint(root_read(&f.root, path, 100, &bytes), ==, -EAGAIN);
}

static void a_path_has_a_greatest_depth(void) {
    g_auto(Fixture) f = {};
    g_autofree char *tree = NULL;
    g_autoptr(GString) path = g_string_new("");
    g_auto(FileFd) deep = FILE_FD_NONE;
    g_auto(FileFd) fd = FILE_FD_NONE;
    g_autofree char *full = NULL;

    set_up(&f);
    for (guint i = 0; i < 256; i++)
        g_string_append(path, "/d");
    tree = g_build_filename(f.directory, "tree", NULL);
    full = g_strconcat(tree, path->str, "/d", NULL);
    g_assert_cmpint(g_mkdir_with_parents(full, 0700), ==, 0);
    g_assert_cmpint(root_open_by_components(f.root.fd, path->str, O_RDONLY, &deep), ==, 0);
    g_string_append(path, "/d");
    g_assert_cmpint(
            root_open_by_components(f.root.fd, path->str, O_RDONLY, &fd), ==, -ENAMETOOLONG);
}

typedef struct Renaming {
    int fd;
    gint is_over;
} Renaming;

static gpointer rename_all_the_time(gpointer data) {
    Renaming *renaming = data;

    while (!g_atomic_int_get(&renaming->is_over)) {
        g_assert_cmpint(renameat(renaming->fd, "secret", renaming->fd, "moved"), ==, 0);
        g_assert_cmpint(renameat(renaming->fd, "moved", renaming->fd, "secret"), ==, 0);
    }
    return NULL;
}

static void renames_elsewhere_are_not_in_the_way(void) {
    g_auto(Fixture) f = {};
    g_autoptr(GString) path = g_string_new("/usr");
    Renaming renaming = {};
    GThread *thread;

    set_up(&f);
    for (guint i = 0; i < 100; i++)
        g_string_append(path, "/share/..");
    g_string_append(path, "/share/file");
    renaming.fd = f.root.fd;
    thread = g_thread_new("renames", rename_all_the_time, &renaming);
    for (guint i = 0; i < 100; i++) {
        g_auto(FileFd) fd = FILE_FD_NONE;

        g_assert_cmpint(root_open(&f.root, path->str, O_RDONLY, &fd), ==, 0);
    }
    g_atomic_int_set(&renaming.is_over, TRUE);
    (void)g_thread_join(thread);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(nothing_leads_out),
            TEST_CASE(links_can_be_opened_themselves),
            TEST_CASE(a_mask_leads_to_dev_null_in_any_way),
            TEST_CASE(the_device_itself_masks),
            TEST_CASE(each_type_is_told),
            TEST_CASE(a_directory_that_cannot_be_read_has_no_end),
            TEST_CASE(some_paths_are_outside),
            TEST_CASE(what_fails_outside_is_not_looked_up_inside),
            TEST_CASE(a_path_has_a_greatest_depth),
            TEST_CASE(renames_elsewhere_are_not_in_the_way),
    };

    return test_main(argc, argv, "root", cases, G_N_ELEMENTS(cases));
}
