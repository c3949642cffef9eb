/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/good-copy.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "util-uefi.h"
#include "util-vm.h"
#include "vm/policy.h"
#include "vm/vm-backups.h"
#include "vm/vm-lock.h"
#include "vm/vm-ops.h"

/* The good copy, which PrepareVM makes of a store that is sound and has changed. */

static const PolicyFacts no_limits = {};

static char *path_of(const TestVM *f, const char *name) {
    return vmstore_path(f->store, test_owner(), "a", name);
}

static void write_bytes(const char *path, const TestStore *store) {
    g_autoptr(GError) error = NULL;

    g_assert_true(g_file_set_contents(
            path, (const char *)store->bytes, (gssize)store->layout->length, &error));
    g_assert_no_error(error);
}

/* A store whose variables, in the order of NAMES, have their names as data. */
static TestStore *make_store(const char *names) {
    TestStore *store = test_store_new(TEST_LENGTH_2M, TRUE);
    g_auto(GStrv) words = g_strsplit(names, " ", -1);

    for (char **word = words; *word && **word; word++)
        test_store_add(store, TEST_ADDED, TEST_OTHER, *word, *word, strlen(*word));
    return store;
}

/* The guest has written: in place, as QEMU does. */
static void write_nvram(const TestVM *f, const TestStore *store) {
    g_autofree char *path = path_of(f, "nvram.raw");
    g_auto(FileFd) fd = open(path, O_WRONLY | O_CLOEXEC);

    g_assert_no_errno(fd);
    g_assert_cmpint(
            pwrite(fd, store->bytes, store->layout->length, 0), ==, (gssize)store->layout->length);
}

static void guest_writes(const TestVM *f, const char *names) {
    g_autoptr(TestStore) store = make_store(names);

    write_nvram(f, store);
}

/* The VM "a", whose template has the variables NAMES. */
static TestVM made(const char *names) {
    g_autoptr(TestStore) store = make_store(names);
    TestDir *root = test_layers_new();
    g_autofree char *template = g_build_filename(root, "vars.fd", NULL);

    write_bytes(template, store);
    return test_vm_new_prepared(root);
}

static VMResult prepare(TestVM *f, guint64 max_size) {
    g_autoptr(GError) error = NULL;
    VMResult result = VM_RESULT_INIT;

    test_vm_ask(f, REQUEST_CALL_PREPARE, "x86_64", "q35");
    g_assert_true(policy_prepare(&f->op, &no_limits, &error));
    f->op.max_size = max_size;
    g_assert_true(vm_op_prepare(&f->op, &result, &error));
    g_assert_no_error(error);
    return result;
}

static void prepare_plainly(TestVM *f) {
    g_auto(VMResult) result = prepare(f, 0);

    g_assert_false(result.lacks_good_copy);
}

static void assert_is_copy(const TestVM *f, const char *name, const char *names) {
    g_autoptr(TestStore) store = make_store(names);
    g_autofree char *path = path_of(f, name);
    g_autofree char *content = NULL;
    gsize size;

    g_assert_true(g_file_get_contents(path, &content, &size, NULL));
    g_assert_cmpmem(content, size, store->bytes, store->layout->length);
}

static void a_changed_store_is_copied_once(void) {
    g_auto(TestVM) f = made("A");

    prepare_plainly(&f);
    test_vm_assert_backups(&f, "");
    guest_writes(&f, "A B");
    prepare_plainly(&f);
    test_vm_assert_backups(&f, "1 good");
    assert_is_copy(&f, "backup-1.raw", "A B");
    prepare_plainly(&f);
    test_vm_assert_backups(&f, "1 good");
    guest_writes(&f, "A B C");
    prepare_plainly(&f);
    test_vm_assert_backups(&f, "2 good");
    assert_is_copy(&f, "backup-2.raw", "A B C");
    assert_is_copy(&f, "nvram.raw", "A B C");
    test_assert_entries(f.store, "a", "backup-2.raw, backups.json, lock, nvram.raw, pin.json");
}

static void a_store_without_variables_is_not_copied(void) {
    g_auto(TestVM) f = made("A");

    guest_writes(&f, "");
    prepare_plainly(&f);
    test_vm_assert_backups(&f, "");
}

static void a_store_in_use_is_not_copied(void) {
    g_auto(TestVM) f = made("A");
    g_auto(FileFd) lease = FILE_FD_NONE;

    guest_writes(&f, "A B");
    g_assert_true(vm_lock_lease(&f.op, &lease, NULL));
    prepare_plainly(&f);
    test_vm_assert_backups(&f, "");
}

static void a_torn_store_does_not_replace_it(void) {
    g_auto(TestVM) f = made("A");
    g_autoptr(TestStore) torn = make_store("A X");
    guint32 at;

    guest_writes(&f, "A B");
    prepare_plainly(&f);
    at = test_store_add(torn, TEST_ADDED, TEST_OTHER, "Y", "Y", 1);
    memset(torn->bytes + at + 60, 0xff, torn->end - at - 60);
    torn->bytes[at + 2] = 0xff; /* its state: nothing but its header was begun */
    write_nvram(&f, torn);
    prepare_plainly(&f);
    test_vm_assert_backups(&f, "1 good");
    assert_is_copy(&f, "backup-1.raw", "A B");
}

static void destroy_header(TestStore *store) {
    memset(store->bytes, 0x55, 4096);
}

static void destroy_free_space(TestStore *store) {
    store->bytes[store->end + 8] = 0;
}

/* The error names the good copy, which brings the variables back. */
static void check_restored(TestVM *f, FirmwareError code, const char *text, const char *backups) {
    g_auto(VMResult) result = VM_RESULT_INIT;
    g_autoptr(GError) error = NULL;
    const RequestValue index = {.type = REQUEST_VALUE_NUMBER, .number = 1};

    test_vm_ask(f, REQUEST_CALL_PREPARE, "x86_64", "q35");
    g_assert_true(policy_prepare(&f->op, &no_limits, NULL));
    g_assert_false(vm_op_prepare(&f->op, &result, &error));
    g_assert_error(error, FIRMWARE_ERROR, (gint)code);
    g_assert_nonnull(strstr(error->message, "Restore 1, the good copy of 2"));
    g_assert_nonnull(strstr(error->message, text));

    test_vm_ask(f, REQUEST_CALL_RESTORE, NULL, NULL);
    g_assert_true(request_set(f->op.request, "index", &index, NULL));
    g_assert_true(vm_op_restore(&f->op, &result, NULL));
    assert_is_copy(f, "nvram.raw", "A B");
    prepare_plainly(f);
    test_vm_assert_backups(f, backups);
}

static void check_damaged(void (*destroy)(TestStore *), const char *text) {
    g_auto(TestVM) f = made("A");
    g_autoptr(TestStore) damaged = make_store("A B");

    guest_writes(&f, "A B");
    prepare_plainly(&f);
    destroy(damaged);
    write_nvram(&f, damaged);
    check_restored(&f, FIRMWARE_ERROR_IMAGE_UNUSABLE, text, "2 restore, 1 good");
}

static void a_damaged_store_is_restored_from_it(void) {
    check_damaged(destroy_header, "damaged");
    check_damaged(destroy_free_space, "neither a variable nor free space begins here");
}

static void check_spoilt(
        int (*spoil)(const char *path), FirmwareError code, const char *text, const char *backups) {
    g_auto(TestVM) f = made("A");
    g_autofree char *path = NULL;

    guest_writes(&f, "A B");
    prepare_plainly(&f);
    path = path_of(&f, "nvram.raw");
    g_assert_no_errno(spoil(path));
    check_restored(&f, code, text, backups);
}

static int cut_off(const char *path) {
    return truncate(path, 1024);
}

static void one_that_is_gone_or_of_another_size_too(void) {
    check_spoilt(unlink, FIRMWARE_ERROR_NVRAM_MISSING, "is gone; ", "1 good");
    check_spoilt(cut_off, FIRMWARE_ERROR_NVRAM_MISMATCH, "1024 bytes, ", "2 restore, 1 good");
}

static void a_start_does_not_fail_where_there_is_no_room(void) {
    g_auto(TestVM) f = made("A");
    g_auto(VMResult) result = VM_RESULT_INIT;

    guest_writes(&f, "A B");
    result = prepare(&f, TEST_LENGTH_2M + 16384);
    g_assert_true(result.lacks_good_copy);
    test_vm_assert_backups(&f, "");
    assert_is_copy(&f, "nvram.raw", "A B");
    prepare_plainly(&f);
    test_vm_assert_backups(&f, "1 good");
}

static void replaced_stores_make_room_for_it(void) {
    g_auto(TestVM) f = made("A");
    g_auto(VMResult) result = VM_RESULT_INIT;
    g_auto(VMResult) reset = VM_RESULT_INIT;

    guest_writes(&f, "A B");
    test_vm_ask(&f, REQUEST_CALL_RESET, NULL, NULL);
    g_assert_true(vm_op_replace_nvram(&f.op, &reset, NULL));
    test_vm_set_pin(&f, reset.pin);
    guest_writes(&f, "A C");
    test_vm_assert_backups(&f, "1 reset");
    result = prepare(&f, 2 * TEST_LENGTH_2M + 16384);
    g_assert_false(result.lacks_good_copy);
    test_vm_assert_backups(&f, "2 good");
}

/* Not that of the files: it shows that they were not listed. */
#define CLAIMED_SIZE 12345

/* The look at the NVRAM says that it is as the template, although it is not: only a comparison that
 * reads the files makes a good copy. */
static void claim_equality(TestVM *f) {
    const char *template = f->op.pin->resolution->descriptor->nvram_template.filename;
    g_auto(VMComparison)
            comparison = {.is_alone = TRUE, .size = CLAIMED_SIZE, .file = g_strdup(template)};
    g_autofree char *nvram = path_of(f, "nvram.raw");
    g_autofree char *directory = path_of(f, ".");
    g_auto(FileFd) fd = open(nvram, O_RDONLY | O_CLOEXEC);
    g_autoptr(VMLook) look = NULL;
    struct stat st;

    g_assert_no_errno(fd);
    look = vm_look_new(fd, IMAGE_FORMAT_RAW, f->op.catalog->known, NULL);
    g_assert_no_errno(stat(directory, &st));
    comparison.directory = file_stamp(&st);
    g_assert_no_errno(stat(template, &st));
    comparison.stamp = file_stamp(&st);
    vm_look_unref(f->op.look);
    f->op.look = vm_look_add_comparison(look, &comparison);
    /* as if all this were old */
    f->op.look->is_trusted = TRUE;
}

static void change_store(const TestVM *f) {
    guest_writes(f, "A C");
}

static void change_template(const TestVM *f) {
    const char *template = f->op.pin->resolution->descriptor->nvram_template.filename;

    g_assert_no_errno(utimensat(AT_FDCWD, template, NULL, 0));
}

static void change_directory(const TestVM *f) {
    g_autofree char *name = path_of(f, "foreign");

    g_assert_true(g_file_set_contents(name, "", 0, NULL));
}

static void unchanged_files_are_compared_once(void) {
    static void (*const changes[])(const TestVM *) = {
            change_store, change_template, change_directory};

    for (gsize i = 0; i < G_N_ELEMENTS(changes); i++) {
        g_auto(TestVM) f = made("A");

        guest_writes(&f, "A B");
        claim_equality(&f);
        prepare_plainly(&f);
        test_vm_assert_backups(&f, "");
        changes[i](&f);
        prepare_plainly(&f);
        test_vm_assert_backups(&f, "1 good");
    }
}

/* As a QEMU does that may write to the file. */
static FileFd lock_as_qemu(const TestVM *f, const char *name) {
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 101, .l_len = 1};
    g_autofree char *path = path_of(f, name);
    FileFd fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    g_assert_no_errno(fd);
    g_assert_no_errno(fcntl(fd, F_OFD_SETLK, &lock));
    return fd;
}

static void assert_prepared(TestVM *f, gboolean is_listed, gboolean is_in_use) {
    g_auto(VMResult) result = prepare(f, 0);

    g_assert_cmpint(result.size != CLAIMED_SIZE, ==, is_listed);
    g_assert_cmpint(result.condition.is_in_use, ==, is_in_use);
}

static void an_unchanged_directory_is_not_listed(void) {
    g_auto(TestVM) f = made("A");
    FileFd fd = FILE_FD_NONE;

    guest_writes(&f, "A B");
    claim_equality(&f);
    assert_prepared(&f, FALSE, FALSE);
    fd = lock_as_qemu(&f, "nvram.raw");
    assert_prepared(&f, FALSE, TRUE);
    file_fd_close(fd);
    g_assert_true(vm_lock_lease(&f.op, &fd, NULL));
    assert_prepared(&f, FALSE, TRUE);
    file_fd_close(fd);
    assert_prepared(&f, FALSE, FALSE);
    fd = lock_as_qemu(&f, "foreign");
    assert_prepared(&f, TRUE, TRUE);
    file_fd_close(fd);
    claim_equality(&f);
    f.op.look->comparison.is_alone = FALSE;
    assert_prepared(&f, TRUE, FALSE);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(a_changed_store_is_copied_once),
            TEST_CASE(a_store_without_variables_is_not_copied),
            TEST_CASE(a_store_in_use_is_not_copied),
            TEST_CASE(a_torn_store_does_not_replace_it),
            TEST_CASE(a_damaged_store_is_restored_from_it),
            TEST_CASE(one_that_is_gone_or_of_another_size_too),
            TEST_CASE(a_start_does_not_fail_where_there_is_no_room),
            TEST_CASE(replaced_stores_make_room_for_it),
            TEST_CASE(unchanged_files_are_compared_once),
            TEST_CASE(an_unchanged_directory_is_not_listed),
    };

    return test_main(argc, argv, "good-copy", cases, G_N_ELEMENTS(cases));
}
