/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/vmstore.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "util-vmstore.h"

/* Who has a VM, and what its owner may have put where its files were. */

static void close_lease(FileFd *fd) {
    file_fd_close(*fd);
    *fd = FILE_FD_NONE;
}

static FileFd take_lease(const OneVM *f) {
    g_autoptr(GError) error = NULL;
    FileFd fd = FILE_FD_NONE;

    g_assert_true(vmstore_lease(f->store, "a", f->vm, &fd, &error));
    g_assert_no_error(error);
    return fd;
}

static void assert_in_use(const OneVM *f) {
    g_autoptr(GError) error = NULL;
    FileFd fd = FILE_FD_NONE;

    g_assert_true(vmstore_is_leased(f->store, f->vm));
    g_assert_false(vmstore_lease(f->store, "a", f->vm, &fd, &error));
    g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_NVRAM_IN_USE);
    g_assert_true(g_str_has_prefix(error->message, "VM a: "));
    g_assert_cmpint(fd, ==, FILE_FD_NONE);
}

static void assert_free(const OneVM *f) {
    g_auto(FileFd) fd = FILE_FD_NONE;

    g_assert_false(vmstore_is_leased(f->store, f->vm));
    fd = take_lease(f);
}

/* -- leases ------------------------------------------------------------------------------ */

static void a_lease_is_exclusive(void) {
    g_auto(OneVM) f = test_one_vm();
    g_auto(FileFd) lease = FILE_FD_NONE;

    assert_free(&f);
    lease = take_lease(&f);
    assert_in_use(&f);
    assert_in_use(&f);
    close_lease(&lease);
    assert_free(&f);
}

static void a_lease_lasts_as_long_as_any_copy(void) {
    g_auto(OneVM) f = test_one_vm();
    FileFd lease = take_lease(&f);
    FileFd copy = fcntl(lease, F_DUPFD_CLOEXEC, 3);
    FileFd second = dup(copy);

    close_lease(&lease);
    assert_in_use(&f);
    close_lease(&copy);
    assert_in_use(&f);
    close_lease(&second);
    assert_free(&f);
}

static void a_lease_outlives_the_service(void) {
    g_auto(OneVM) f = test_one_vm();
    FileFd lease = take_lease(&f);

    g_clear_pointer(&f.store, vmstore_free);
    f.store = test_store(f.dir);
    assert_in_use(&f);
    close_lease(&lease);
    assert_free(&f);
}

static void a_lease_is_of_the_lock_file_and_nobody_writes_it(void) {
    g_auto(OneVM) f = test_one_vm();
    g_auto(FileFd) lease = take_lease(&f);
    struct stat st;

    g_assert_no_errno(fstat(lease, &st));
    g_assert_cmpuint(st.st_ino, ==, test_inode(f.store, "a", "lock"));
    g_assert_cmpint(fcntl(lease, F_GETFL) & O_ACCMODE, ==, O_RDONLY);
    g_assert_cmpint(fcntl(lease, F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
    g_assert_cmpint(write(lease, "x", 1), ==, -1);
}

static void each_vm_has_a_lease(void) {
    g_auto(OneVM) f = test_one_vm();
    G_GNUC_UNUSED g_auto(FileFd) lease = take_lease(&f);
    g_auto(FileFd) other = FILE_FD_NONE;

    test_make_vm(f.store, "b", "x");
    other = test_open_vm(f.store, "b");
    g_assert_false(vmstore_is_leased(f.store, other));
}

typedef struct Looker {
    const OneVM *f;
    gint n;     /* how often it has looked */
    gint ended; /* it shall end */
} Looker;

static gpointer look(gpointer userdata) {
    Looker *looker = userdata;

    while (!g_atomic_int_get(&looker->ended)) {
        (void)vmstore_is_leased(looker->f->store, looker->f->vm);
        g_atomic_int_inc(&looker->n);
    }
    return NULL;
}

static void looking_never_stops_a_lease(void) {
    g_auto(OneVM) f = test_one_vm();
    Looker looker = {.f = &f};
    GThread *thread = g_thread_new("look", look, &looker);

    /* as often as each of the two needs */
    for (guint n = 0; n < 10000 || g_atomic_int_get(&looker.n) < 10000; n++) {
        FileFd lease = take_lease(&f);

        close_lease(&lease);
    }
    g_atomic_int_set(&looker.ended, 1);
    (void)g_thread_join(thread);
}

static void a_lock_that_cannot_be_used_is_told(void) {
    g_auto(OneVM) f = test_one_vm();
    g_autoptr(GError) link = NULL;
    FileFd fd = FILE_FD_NONE;

    g_assert_no_errno(unlinkat(f.vm, "lock", 0));
    g_assert_no_errno(symlinkat("nvram.raw", f.vm, "lock"));
    g_assert_false(vmstore_lease(f.store, "a", f.vm, &fd, &link));
    g_assert_error(link, FIRMWARE_ERROR, FIRMWARE_ERROR_IO);
    g_assert_cmpint(fd, ==, FILE_FD_NONE);
}

static void a_lock_that_is_gone_is_made_again(void) {
    g_auto(OneVM) f = test_one_vm();
    g_auto(FileFd) lease = FILE_FD_NONE;
    g_autofree char *path = vmstore_path(f.store, test_owner(), "a", "lock");

    g_assert_no_errno(unlinkat(f.vm, "lock", 0));
    /* looking makes no file */
    g_assert_false(vmstore_is_leased(f.store, f.vm));
    test_assert_entries(f.store, "a", "nvram.raw, pin.json");
    lease = take_lease(&f);
    assert_in_use(&f);
    test_assert_mode(path, S_IFREG | 0600);
}

/* -- an owner's files -------------------------------------------------------------------- */

static void assert_not_opened(const OneVM *f, const char *name, int flags, int expected) {
    FileFd fd = FILE_FD_NONE;

    g_assert_cmpint(vmstore_open_owned(f->vm, name, flags, &fd), ==, expected);
    g_assert_cmpint(fd, ==, FILE_FD_NONE);
}

static void regular_files_are_opened(void) {
    g_auto(OneVM) f = test_one_vm();
    g_auto(FileFd) reader = FILE_FD_NONE;
    g_auto(FileFd) both = FILE_FD_NONE;

    g_assert_cmpint(vmstore_open_owned(f.vm, "nvram.raw", O_RDONLY, &reader), ==, 0);
    g_assert_cmpint(vmstore_open_owned(f.vm, "nvram.raw", O_RDWR, &both), ==, 0);
    g_assert_cmpint(fcntl(reader, F_GETFL) & O_ACCMODE, ==, O_RDONLY);
    g_assert_cmpint(fcntl(both, F_GETFL) & O_ACCMODE, ==, O_RDWR);
    g_assert_cmpint(fcntl(both, F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
    g_assert_cmpint(write(both, "new", 3), ==, 3);
    test_assert_content(f.store, "a", "nvram.raw", "new");
    assert_not_opened(&f, "nothing", O_RDONLY, -ENOENT);
}

static void links_are_not_followed(void) {
    g_auto(OneVM) f = test_one_vm();

    g_assert_no_errno(symlinkat("nvram.raw", f.vm, "link"));
    g_assert_no_errno(symlinkat("/etc/passwd", f.vm, "outside"));
    g_assert_no_errno(symlinkat("nowhere", f.vm, "dangling"));
    g_assert_no_errno(symlinkat("/dev/zero", f.vm, "device"));
    assert_not_opened(&f, "link", O_RDONLY, -ELOOP);
    assert_not_opened(&f, "link", O_RDWR, -ELOOP);
    assert_not_opened(&f, "outside", O_RDONLY, -ELOOP);
    assert_not_opened(&f, "dangling", O_RDWR, -ELOOP);
    assert_not_opened(&f, "device", O_RDONLY, -ELOOP);
}

static void what_is_no_file_is_not_opened(void) {
    g_auto(OneVM) f = test_one_vm();
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_auto(FileFd) server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    /* neither waits for the other end */
    g_assert_no_errno(mkfifoat(f.vm, "fifo", 0600));
    assert_not_opened(&f, "fifo", O_RDONLY, -ENOTSUP);
    assert_not_opened(&f, "fifo", O_RDWR, -ENOTSUP);
    assert_not_opened(&f, "fifo", O_WRONLY, -ENXIO);
    g_assert_no_errno(mkdirat(f.vm, "directory", 0700));
    assert_not_opened(&f, "directory", O_RDONLY, -ENOTSUP);
    assert_not_opened(&f, "directory", O_RDWR, -EISDIR);
    g_assert_no_errno(fchdir(f.vm));
    memcpy(address.sun_path, "socket", 7);
    g_assert_no_errno(bind(server, (struct sockaddr *)&address, sizeof address));
    g_assert_no_errno(chdir("/"));
    assert_not_opened(&f, "socket", O_RDONLY, -ENXIO);
}

/* The lease of fcntl(2), with which an owner could make any opener wait. */
static void a_file_lease_makes_nobody_wait(void) {
    g_auto(OneVM) f = test_one_vm();
    g_auto(FileFd) fd = FILE_FD_NONE;

    (void)signal(SIGIO, SIG_IGN);
    g_assert_cmpint(vmstore_open_owned(f.vm, "nvram.raw", O_RDONLY, &fd), ==, 0);
    g_assert_no_errno(fcntl(fd, F_SETLEASE, F_RDLCK));
    assert_not_opened(&f, "nvram.raw", O_RDWR, -EWOULDBLOCK);
}

/* -- sizes ------------------------------------------------------------------------------- */

static void sizes_count_holes_but_those_of_backups(void) {
    g_auto(OneVM) f = test_one_vm();
    guint64 before = vmstore_get_size(f.vm);
    g_auto(FileFd) fd = FILE_FD_NONE;
    struct stat st;
    guint64 after;

    g_assert_cmpuint(before, >, 3); /* "old", and the record */
    g_assert_cmpint(vmstore_open_owned(f.vm, "nvram.raw", O_RDWR, &fd), ==, 0);
    g_assert_no_errno(ftruncate(fd, 67108864));
    g_assert_cmpuint(vmstore_get_size(f.vm), ==, before - 3 + 67108864);
    g_assert_no_errno(linkat(f.vm, "nvram.raw", f.vm, "backup-1.raw", 0));
    g_assert_no_errno(fstat(fd, &st));
    after = before - 3 + 67108864 + (guint64)st.st_blocks * 512;
    g_assert_cmpuint(vmstore_get_size(f.vm), ==, after);
    /* as often as one likes: the directory is read from its beginning */
    g_assert_cmpuint(vmstore_get_size(f.vm), ==, after);
}

static void foreign_files_do_not_count(void) {
    g_auto(OneVM) f = test_one_vm();
    guint64 before = vmstore_get_size(f.vm);

    g_assert_no_errno(symlinkat("/etc/passwd", f.vm, "x"));
    g_assert_no_errno(linkat(f.vm, "nvram.raw", f.vm, "copy_VARS.fd", 0));
    g_assert_cmpuint(vmstore_get_size(f.vm), ==, before);
    g_assert_cmpuint(vmstore_get_size(-1), ==, 0);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(a_lease_is_exclusive),
            TEST_CASE(a_lease_lasts_as_long_as_any_copy),
            TEST_CASE(a_lease_outlives_the_service),
            TEST_CASE(a_lease_is_of_the_lock_file_and_nobody_writes_it),
            TEST_CASE(each_vm_has_a_lease),
            TEST_CASE(looking_never_stops_a_lease),
            TEST_CASE(a_lock_that_cannot_be_used_is_told),
            TEST_CASE(a_lock_that_is_gone_is_made_again),
            TEST_CASE(regular_files_are_opened),
            TEST_CASE(links_are_not_followed),
            TEST_CASE(what_is_no_file_is_not_opened),
            TEST_CASE(a_file_lease_makes_nobody_wait),
            TEST_CASE(sizes_count_holes_but_those_of_backups),
            TEST_CASE(foreign_files_do_not_count),
    };

    return test_main(argc, argv, "vmstore-lease", cases, G_N_ELEMENTS(cases));
}
