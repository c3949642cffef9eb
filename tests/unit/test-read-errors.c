/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/vm-ops.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "util-vm.h"
#include "vm/vm-backups.h"
#include "vm/vmdir.h"

/* A file that cannot be read is neither missing nor damaged: each call that reads fails in turn,
 * and nothing is lost by it. */

#define VARS_SIZE 16384

/* -- calls that fail ----------------------------------------------------------------------- */

static guint n_until_failure; /* 0: none fails */
static int failure = EIO;

static gboolean fails(void) {
    if (n_until_failure == 0 || --n_until_failure > 0)
        return FALSE;
    errno = failure;
    return TRUE;
}

/* These take the place of the C library's, of the names that files of 64 bits have there. */

int openat(int dir_fd, const char *path, int flags, ...) {
    static int (*real)(int, const char *, int, ...);
    va_list arguments;
    mode_t mode = 0;

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "openat64");
    va_start(arguments, flags);
    if (flags & O_CREAT)
        mode = va_arg(arguments, mode_t);
    va_end(arguments);
    return !(flags & O_CREAT) && fails() ? -1 : real(dir_fd, path, flags, mode);
}

int fstatat(int dir_fd, const char *path, struct stat *ret, int flags) {
    static int (*real)(int, const char *, struct stat *, int);

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "fstatat64");
    return fails() ? -1 : real(dir_fd, path, ret, flags);
}

ssize_t pread(int fd, void *buffer, size_t size, off_t offset) {
    static ssize_t (*real)(int, void *, size_t, off_t);

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "pread64");
    return fails() ? -1 : real(fd, buffer, size, offset);
}

ssize_t getdents64(int fd, void *buffer, size_t size) {
    static ssize_t (*real)(int, void *, size_t);

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "getdents64");
    return fails() ? -1 : real(fd, buffer, size);
}

int access(const char *path, int mode) {
    static int (*real)(const char *, int);

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "access");
    return fails() ? -1 : real(path, mode);
}

static gboolean lacks_renameat2; /* as some file systems do */

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags) {
    static int (*real)(int, const char *, int, const char *, unsigned);

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "renameat2");
    if (lacks_renameat2) {
        errno = EINVAL;
        return -1;
    }
    return real(from_fd, from, to_fd, to, flags);
}

/* The disk is not what is tested. */
int fsync(int fd) {
    return 0;
}

/* -- a VM ---------------------------------------------------------------------------------- */

static void import(TestVM *f, char filled_with, VMResult *result, GError **error) {
    g_autofree char *content = g_strnfill(VARS_SIZE, filled_with);

    test_vm_ask(f, REQUEST_CALL_IMPORT, NULL, NULL);
    file_fd_close(f->op.source);
    f->op.source = test_memfd(content, VARS_SIZE);
    (void)!vm_op_replace_nvram(&f->op, result, error);
}

/* The VM "a", whose NVRAM is filled with '2', and its backups with 'T' and '1'. */
static TestVM made(void) {
    g_autofree char *content = g_strnfill(VARS_SIZE, 'T');
    TestDir *root = test_layers_new();
    TestVM f;

    test_write_text(root, "vars.fd", content);
    f = test_vm_new_prepared(root);
    for (const char *letter = "12"; *letter; letter++) {
        g_auto(VMResult) imported = VM_RESULT_INIT;
        g_autoptr(GError) error = NULL;

        import(&f, *letter, &imported, &error);
        g_assert_no_error(error);
    }
    return f;
}

static gboolean is_filled(const TestVM *f, const char *name, char filled_with) {
    g_autofree char *path = vmstore_path(f->store, test_owner(), "a", name);
    g_autofree char *content = NULL;

    g_assert_true(g_file_get_contents(path, &content, NULL, NULL));
    return content[0] == filled_with;
}

/* -- operations ---------------------------------------------------------------------------- */

static void import_3(TestVM *f, VMResult *result, GError **error) {
    import(f, '3', result, error);
}

static void restore_1(TestVM *f, VMResult *result, GError **error) {
    const RequestValue index = {.type = REQUEST_VALUE_NUMBER, .number = 1};

    test_vm_ask(f, REQUEST_CALL_RESTORE, NULL, NULL);
    g_assert_true(request_set(f->op.request, "index", &index, NULL));
    (void)!vm_op_restore(&f->op, result, error);
}

static void set_reference(TestVM *f, VMResult *result, GError **error) {
    const RequestValue reference = {.type = REQUEST_VALUE_STRING, .string = "x"};

    test_vm_ask(f, REQUEST_CALL_SET_REFERENCE, NULL, NULL);
    g_assert_true(request_set(f->op.request, "reference", &reference, NULL));
    (void)!vm_op_set_reference(&f->op, result, error);
}

static const struct {
    void (*run)(TestVM *f, VMResult *result, GError **error);
    char nvram; /* afterwards */
    const char *backups;
} operations[] = {
        {import_3, '3', "3 import, 2 import, 1 import"},
        {restore_1, 'T', "3 restore, 2 import, 1 import"},
        {set_reference, '2', "2 import, 1 import"},
};

static void an_operation_loses_nothing(void) {
    for (gsize i = 0; i < G_N_ELEMENTS(operations); i++)
        for (guint n = 1, is_reached = TRUE; is_reached; n++) {
            g_auto(TestVM) f = made();
            g_auto(VMResult) result = VM_RESULT_INIT;
            g_autoptr(GError) error = NULL;

            n_until_failure = n;
            operations[i].run(&f, &result, &error);
            is_reached = n_until_failure == 0;
            n_until_failure = 0;
            if (!is_reached)
                g_assert_no_error(error);
            if (error && is_filled(&f, "nvram.raw", '2')) {
                test_vm_assert_backups(&f, "2 import, 1 import");
            } else {
                g_assert_true(is_filled(&f, "nvram.raw", operations[i].nvram));
                test_vm_assert_backups(&f, operations[i].backups);
                g_assert_true(operations[i].nvram == '2' || is_filled(&f, "backup-3.raw", '2'));
            }
            g_assert_true(is_filled(&f, "backup-1.raw", 'T'));
            g_assert_true(is_filled(&f, "backup-2.raw", '1'));
        }
}

/* -- a directory --------------------------------------------------------------------------- */

/* The old NVRAM is a backup already. */
static void complete_a_change(void) {
    static const char *const places[] = {".", ".vmfirmware-commit", ".vmfirmware-apply"};

    for (guint n = 1, is_reached = TRUE; is_reached; n++) {
        g_autoptr(TestDir) root = test_dir_new();
        g_autofree char *directory = test_mkdir(root, "vm");
        g_autofree char *content = NULL;
        g_autoptr(VMStore) store = NULL;

        g_free(test_mkdir(root, "vm/.vmfirmware-commit"));
        test_write_text(root, "vm/nvram.raw", "other");
        test_write_text(root, "vm/.vmfirmware-commit/nvram.raw", "new");
        test_write_text(root, "vm/.vmfirmware-commit/backup-1.raw", "old");
        test_write_text(root, "vm/.vmfirmware-commit/.moves", "nvram.raw\tbackup-1.raw\n");
        n_until_failure = n;
        store = vmdir_open(directory, 0, NULL);
        is_reached = n_until_failure == 0;
        n_until_failure = 0;
        g_assert_true(store || is_reached);
        for (gsize i = 0; !content && i < G_N_ELEMENTS(places); i++) {
            g_autofree char *path = g_build_filename(directory, places[i], "backup-1.raw", NULL);

            (void)!g_file_get_contents(path, &content, NULL, NULL);
        }
        g_assert_cmpstr(content, ==, "old");
    }
}

static void a_completed_change_loses_nothing(void) {
    complete_a_change();
    lacks_renameat2 = TRUE;
    complete_a_change();
    lacks_renameat2 = FALSE;
}

static void the_mode_of_the_state_directory_stays(void) {
    g_autoptr(TestDir) root = test_dir_new();
    g_autofree char *directory = test_mkdir(root, "state");
    struct stat st;

    g_assert_no_errno(chmod(directory, 0700));
    for (guint n = 1, is_reached = TRUE; is_reached; n++) {
        g_autoptr(VMStore) store = NULL;

        n_until_failure = n;
        store = vmstore_open(directory, NULL);
        is_reached = n_until_failure == 0;
        n_until_failure = 0;
        g_assert_true(store || is_reached);
        g_assert_no_errno(stat(directory, &st));
        g_assert_cmpuint(st.st_mode & 07777, ==, 0700);
    }
}

/* -- the start of a service ---------------------------------------------------------------- */

typedef struct Found {
    guint n_vms;     /* with a record or a fault */
    guint n_pins;    /* of these, with a record */
    guint n_unknown; /* owners whose directory cannot be read */
} Found;

static void on_vm(
        uid_t uid, const char *id, int dir_fd, const Pin *pin, const char *fault,
        gpointer userdata) {
    Found *found = userdata;

    g_assert_true((pin == NULL) == (fault != NULL));
    found->n_vms += id != NULL;
    found->n_pins += pin != NULL;
    found->n_unknown += id == NULL;
}

/* Each owner has one VM. Returns how many loads have found an owner whose directory cannot be
 * read. */
static guint load_with_failures(VMStore *store, int error_number) {
    guint n_unknown = 0;

    failure = error_number;
    for (guint n = 1, is_reached = TRUE; is_reached; n++) {
        g_autoptr(GError) error = NULL;
        Found found = {};
        gboolean is_loaded;

        n_until_failure = n;
        is_loaded = vmstore_load(store, on_vm, &found, &error);
        is_reached = n_until_failure == 0;
        n_until_failure = 0;
        if (!is_loaded) {
            g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_IO);
            g_assert_true(is_reached);
            continue;
        }
        /* only one call has failed, and it takes nobody else along */
        g_assert_cmpuint(found.n_vms + found.n_unknown, >=, 2);
        g_assert_cmpuint(found.n_pins, >=, is_reached ? 1 : 2);
        n_unknown += found.n_unknown;
    }
    failure = EIO;
    return n_unknown;
}

static void a_load_loses_no_owner(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autoptr(VMStore) store = test_store(dir);
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(Pin) pin = test_pin(root, test_pin_kind("stateless"), NULL);
    const uid_t owners[] = {test_owner(), TEST_UNKNOWN_UID};

    for (gsize i = 0; i < G_N_ELEMENTS(owners); i++) {
        g_autoptr(VMDraft) draft = vmdraft_new(store, owners[i], NULL, NULL);

        g_assert_true(vmdraft_write_pin(draft, pin, NULL));
        g_assert_true(vmdraft_publish(draft, "a", NULL));
    }
    g_assert_cmpuint(load_with_failures(store, EIO), >, 0);
    /* a failure of the system is nobody's */
    g_assert_cmpuint(load_with_failures(store, ENFILE), ==, 0);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(an_operation_loses_nothing),
            TEST_CASE(a_completed_change_loses_nothing),
            TEST_CASE(the_mode_of_the_state_directory_stays),
            TEST_CASE(a_load_loses_no_owner),
    };

    return test_main(argc, argv, "read-errors", cases, G_N_ELEMENTS(cases));
}
