/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/vm-backups.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "util-vm.h"
#include "vm/vm-lock.h"
#include "vm/vm-ops.h"

/* The backups of a VM: which are kept, which go first, and what the list says. */

#define VARS_SIZE 16384
#define NO_INDEX G_MAXUINT32

/* The VM "a", whose NVRAM is filled with 'g'. */
static TestVM made(void) {
    g_autofree char *content = g_strnfill(VARS_SIZE, 'T');
    g_autofree char *path = NULL;
    TestDir *root = test_layers_new();
    TestVM f;

    test_write_text(root, "vars.fd", content);
    f = test_vm_new_prepared(root);
    path = vmstore_path(f.store, test_owner(), "a", "nvram.raw");
    memset(content, 'g', VARS_SIZE);
    test_write_text("/", path, content);
    return f;
}

static char *path_of(const TestVM *f, const char *name) {
    return vmstore_path(f->store, test_owner(), "a", name);
}

static void assert_filled(const TestVM *f, const char *name, char filled_with) {
    g_autofree char *content = g_strnfill(VARS_SIZE, filled_with);

    test_assert_content(f->store, "a", name, content);
}

/* MAX_SIZE as the policy sets it; 0: no limit. */
static VMResult replace(TestVM *f, char filled_with, guint64 max_size) {
    g_autofree char *content = g_strnfill(VARS_SIZE, filled_with);
    g_autoptr(GError) error = NULL;
    VMResult result = VM_RESULT_INIT;

    test_vm_ask(f, REQUEST_CALL_IMPORT, NULL, NULL);
    f->op.max_size = max_size;
    file_fd_close(f->op.source);
    f->op.source = test_memfd(content, VARS_SIZE);
    g_assert_true(vm_op_replace_nvram(&f->op, &result, &error));
    g_assert_no_error(error);
    return result;
}

static void replace_plainly(TestVM *f, const char *letters) {
    for (; *letters; letters++) {
        g_auto(VMResult) result = replace(f, *letters, 0);

        g_assert_false(result.lacks_good_copy);
    }
}

static void ask_for(TestVM *f, RequestCall call, guint32 index) {
    const RequestValue value = {.type = REQUEST_VALUE_NUMBER, .number = index};

    test_vm_ask(f, call, NULL, NULL);
    if (index != NO_INDEX)
        g_assert_true(request_set(f->op.request, "index", &value, NULL));
}

static void restore(TestVM *f, guint32 index) {
    g_auto(VMResult) result = VM_RESULT_INIT;
    g_autoptr(GError) error = NULL;

    ask_for(f, REQUEST_CALL_RESTORE, index);
    g_assert_true(vm_op_restore(&f->op, &result, &error));
    g_assert_no_error(error);
}

static void assert_not_restored(TestVM *f, guint32 index, FirmwareError code, const char *text) {
    g_auto(VMResult) result = VM_RESULT_INIT;
    g_autoptr(GError) error = NULL;

    ask_for(f, REQUEST_CALL_RESTORE, index);
    g_assert_false(vm_op_restore(&f->op, &result, &error));
    g_assert_error(error, FIRMWARE_ERROR, (int)code);
    g_assert_nonnull(strstr(error->message, text));
}

static void write_list(TestVM *f, const char *json) {
    g_autofree char *path = path_of(f, "backups.json");

    test_write_text("/", path, json);
}

/* The newest backup becomes the good copy. */
static void mark_good(TestVM *f, guint32 serial) {
    g_autofree char *path = path_of(f, "backups.json");
    g_autofree char *entry = g_strdup_printf("\"serial\" : %u,", serial);
    g_autofree char *json = NULL;
    char *word;

    g_assert_true(g_file_get_contents(path, &json, NULL, NULL));
    word = strstr(strstr(json, entry), "import");
    g_assert_nonnull(word);
    memcpy(word, "good\" ", strlen("good\" "));
    word[strlen("import")] = ' ';
    test_write_text("/", path, json);
}

/* -- number -------------------------------------------------------------------------------- */

static void the_last_three_are_kept(void) {
    g_auto(TestVM) f = made();

    test_vm_assert_backups(&f, "");
    replace_plainly(&f, "12345");
    test_vm_assert_backups(&f, "5 import, 4 import, 3 import");
    assert_filled(&f, "backup-5.raw", '4');
    assert_filled(&f, "backup-3.raw", '2');
    test_assert_entries(
            f.store, "a",
            "backup-3.raw, backup-4.raw, backup-5.raw, backups.json, lock, nvram.raw, pin.json");
}

static void the_number_is_the_administrators(void) {
    g_auto(TestVM) f = made();

    replace_plainly(&f, "123");
    f.op.max_backups = 1;
    replace_plainly(&f, "4");
    test_vm_assert_backups(&f, "4 import");
    f.op.max_backups = 0;
    replace_plainly(&f, "5");
    test_vm_assert_backups(&f, "");
    /* a serial is never used again */
    f.op.max_backups = 3;
    replace_plainly(&f, "6");
    test_vm_assert_backups(&f, "6 import");
}

static void the_good_copy_is_one_more(void) {
    g_auto(TestVM) f = made();

    replace_plainly(&f, "1");
    mark_good(&f, 1);
    replace_plainly(&f, "2345");
    test_vm_assert_backups(&f, "5 import, 4 import, 3 import, 1 good");
    f.op.max_backups = 0;
    replace_plainly(&f, "6");
    test_vm_assert_backups(&f, "1 good");
}

/* -- Restore ------------------------------------------------------------------------------- */

static void what_was_there_becomes_a_backup(void) {
    g_auto(TestVM) f = made();

    replace_plainly(&f, "12");
    restore(&f, 1);
    assert_filled(&f, "nvram.raw", 'g');
    assert_filled(&f, "backup-3.raw", '2');
    test_vm_assert_backups(&f, "3 restore, 2 import, 1 import");
}

static void what_is_restored_is_never_dropped(void) {
    g_auto(TestVM) f = made();

    replace_plainly(&f, "123");
    restore(&f, 1);
    test_vm_assert_backups(&f, "4 restore, 3 import, 1 import");
    f.op.max_backups = 1;
    restore(&f, 1);
    test_vm_assert_backups(&f, "5 restore, 1 import");
    f.op.max_backups = 0;
    restore(&f, 1);
    test_vm_assert_backups(&f, "1 import");
    assert_filled(&f, "nvram.raw", 'g');
}

static void only_what_there_is_and_fits_is_restored(void) {
    g_auto(TestVM) f = made();
    g_autofree char *backup = path_of(&f, "backup-1.raw");

    assert_not_restored(&f, 1, FIRMWARE_ERROR_NO_SUCH_BACKUP, "VM a has no backup 1");
    replace_plainly(&f, "1");
    assert_not_restored(&f, 0, FIRMWARE_ERROR_NO_SUCH_BACKUP, "VM a has no backup 0");
    g_assert_no_errno(truncate(backup, VARS_SIZE + 512));
    assert_not_restored(
            &f, 1, FIRMWARE_ERROR_NVRAM_MISMATCH, "raw with 16896 bytes, and its firmware 10-a");
    g_assert_no_errno(truncate(backup, VARS_SIZE));
    restore(&f, 1);
}

static void nvram_that_is_gone_is_restored(void) {
    g_auto(TestVM) f = made();
    g_autofree char *nvram = path_of(&f, "nvram.raw");

    replace_plainly(&f, "1");
    g_assert_no_errno(g_unlink(nvram));
    restore(&f, 1);
    assert_filled(&f, "nvram.raw", 'g');
    test_vm_assert_backups(&f, "1 import");
}

static void a_vm_in_use_is_not_restored(void) {
    g_auto(TestVM) f = made();
    g_auto(FileFd) lease = FILE_FD_NONE;

    replace_plainly(&f, "1");
    g_assert_true(vm_lock_lease(&f.op, &lease, NULL));
    assert_not_restored(&f, 1, FIRMWARE_ERROR_NVRAM_IN_USE, "a");
    test_vm_assert_backups(&f, "1 import");
}

/* -- other uses ---------------------------------------------------------------------------- */

static void assert_exported(TestVM *f, guint32 index, gboolean is_backup, char filled_with) {
    g_auto(VMResult) result = VM_RESULT_INIT;
    g_autoptr(GError) error = NULL;
    char first;

    ask_for(f, REQUEST_CALL_EXPORT, index);
    if (is_backup)
        test_vm_set_flag(f, "backup");
    g_assert_true(vm_op_export(&f->op, &result, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(result.nvram_size, ==, VARS_SIZE);
    g_assert_cmpint(pread(result.nvram, &first, 1, 0), ==, 1);
    g_assert_cmpint(first, ==, filled_with);
}

static void each_can_be_exported(void) {
    g_auto(TestVM) f = made();

    replace_plainly(&f, "123");
    assert_exported(&f, 1, FALSE, 'g');
    assert_exported(&f, 2, TRUE, '1');
    assert_exported(&f, NO_INDEX, TRUE, '2');
    assert_exported(&f, NO_INDEX, FALSE, '3');
    /* the newest of those that were replaced */
    mark_good(&f, 3);
    assert_exported(&f, NO_INDEX, TRUE, '1');
}

static void they_stay_with_another_record_and_another_id(void) {
    g_auto(TestVM) f = made();
    g_auto(VMResult) result = VM_RESULT_INIT;
    const RequestValue reference = {.type = REQUEST_VALUE_STRING, .string = "x"};

    replace_plainly(&f, "12");
    test_vm_ask(&f, REQUEST_CALL_SET_REFERENCE, NULL, NULL);
    g_assert_true(request_set(f.op.request, "reference", &reference, NULL));
    g_assert_true(vm_op_set_reference(&f.op, &result, NULL));
    test_vm_set_pin(&f, result.pin);
    test_vm_assert_backups(&f, "2 import, 1 import");
    f.op.new_id = g_strdup("b");
    g_assert_true(vm_op_rename(&f.op, &result, NULL));
    test_assert_entries(
            f.store, "b", "backup-1.raw, backup-2.raw, backups.json, lock, nvram.raw, pin.json");
}

/* -- limits -------------------------------------------------------------------------------- */

/* What the VM may take: NVRAM and record, the list, and N backups. */
static guint64 room_for(const TestVM *f, guint n) {
    g_autofree char *path = path_of(f, "pin.json");
    struct stat st;

    g_assert_no_errno(g_stat(path, &st));
    return VARS_SIZE * (guint64)(n + 1) + (guint64)st.st_size + 4096;
}

static void the_oldest_goes_first_where_there_is_no_room(void) {
    g_auto(TestVM) f = made();

    replace_plainly(&f, "12");
    {
        g_auto(VMResult) result = replace(&f, '3', room_for(&f, 2));

        g_assert_false(result.lacks_good_copy);
    }
    test_vm_assert_backups(&f, "3 import, 2 import");
}

static void then_the_good_copy_then_the_new_one(void) {
    g_auto(TestVM) f = made();

    replace_plainly(&f, "12");
    mark_good(&f, 2);
    {
        g_auto(VMResult) result = replace(&f, '3', room_for(&f, 2));

        g_assert_false(result.lacks_good_copy);
    }
    test_vm_assert_backups(&f, "3 import, 2 good");
    {
        g_auto(VMResult) result = replace(&f, '4', room_for(&f, 1));

        g_assert_true(result.lacks_good_copy);
    }
    test_vm_assert_backups(&f, "4 import");
    {
        g_auto(VMResult) result = replace(&f, '5', room_for(&f, 0));

        g_assert_false(result.lacks_good_copy);
    }
    test_vm_assert_backups(&f, "");
    assert_filled(&f, "nvram.raw", '5');
}

static void holes_take_no_room(void) {
    g_auto(TestVM) f = made();
    g_autofree char *nvram = path_of(&f, "nvram.raw");
    g_auto(FileFd) dir = FILE_FD_NONE;
    guint64 before;

    g_assert_no_errno(truncate(nvram, 0));
    g_assert_no_errno(truncate(nvram, VARS_SIZE));
    g_assert_cmpint(vmstore_open_vm(f.store, test_owner(), "a", &dir), ==, 0);
    before = vmstore_get_size(dir);
    replace_plainly(&f, "1");
    file_fd_close(dir);
    g_assert_cmpint(vmstore_open_vm(f.store, test_owner(), "a", &dir), ==, 0);
    g_assert_cmpuint(vmstore_get_size(dir), <, before + 1024);
}

/* -- the list and the files ---------------------------------------------------------------- */

static void the_backup_of_the_first_version_is_number_0(void) {
    g_auto(TestVM) f = made();
    g_autofree char *path = path_of(&f, "backup");
    g_autofree char *content = g_strnfill(VARS_SIZE, '0');

    test_write_text("/", path, content);
    test_vm_assert_backups(&f, "0 reset");
    assert_exported(&f, NO_INDEX, TRUE, '0');
    restore(&f, 0);
    assert_filled(&f, "nvram.raw", '0');
    test_vm_assert_backups(&f, "1 restore, 0 reset");
    test_assert_entries(
            f.store, "a", "backup-0.raw, backup-1.raw, backups.json, lock, nvram.raw, pin.json");
}

static void a_list_with_a_fault_loses_no_backup(void) {
    static const char *const lists[] = {
            "",
            "{",
            "[]",
            "{\"version\": 2, \"backups\": []}",
            "{\"version\": 1}",
            "{\"version\": 1, \"next\": -5, \"backups\": {}}",
            "{\"version\": 1, \"backups\": [1, {}, {\"serial\": 1.5}, {\"serial\": \"1\"}, "
            "{\"serial\": 1, \"time\": -1, \"reason\": \"import\"}, "
            "{\"serial\": 4294967295, \"time\": 1, \"reason\": \"import\"}, "
            "{\"serial\": 2, \"time\": 1, \"reason\": \"boredom\"}]}",
    };
    g_auto(TestVM) f = made();

    replace_plainly(&f, "12");
    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++) {
        write_list(&f, lists[i]);
        test_vm_assert_backups(&f, "2 reset, 1 reset");
    }
    restore(&f, 1);
    test_vm_assert_backups(&f, "3 restore, 2 reset, 1 reset");
}

/* The list of the VM, as it was read, with N_KEYS for each of its backups. */
static BackupList *list_with_keys(const TestVM *f, guint n_keys) {
    g_auto(FileFd) dir = test_open_vm(f->store, "a");
    g_autoptr(GString) keys = g_string_new(NULL);
    BackupList *list = NULL;

    g_assert_cmpint(backup_list_read(dir, &list), ==, 0);
    for (guint i = 0; i < n_keys; i++)
        g_string_append_printf(keys, "%s%064x", i > 0 ? " " : "", i);
    for (guint i = 0; i < list->all->len; i++) {
        Backup *backup = list->all->pdata[i];

        g_strfreev(backup->enrolled);
        backup->enrolled = g_strsplit(keys->str, " ", -1);
    }
    return list;
}

static void assert_keys(TestVM *f, const char *json, gint n_keys) {
    g_auto(FileFd) dir = test_open_vm(f->store, "a");
    g_autoptr(BackupList) list = NULL;

    write_list(f, json);
    g_assert_cmpint(backup_list_read(dir, &list), ==, 0);
    g_assert_cmpuint(list->all->len, ==, 2);
    for (guint i = 0; i < 2; i++) {
        const Backup *backup = list->all->pdata[i];

        g_assert_cmpint(backup->enrolled ? (gint)g_strv_length(backup->enrolled) : -1, ==, n_keys);
        g_assert_cmpint(backup->reason, ==, BACKUP_REASON_IMPORT);
    }
}

static void the_list_says_which_keys_there_were(void) {
    static const struct {
        guint n_written;
        gint n_read; /* -1: unknown */
    } all[] = {{0, 0}, {3, 3}, {5000, 5000}, {10000, -1}};
    static const char *const others[] = {
            "", ", \"enrolled\": 1", ", \"enrolled\": [\"a\", 1]", ", \"enrolled\": [[]]"};
    g_auto(TestVM) f = made();

    replace_plainly(&f, "12");
    for (gsize i = 0; i < G_N_ELEMENTS(all); i++) {
        g_autoptr(BackupList) list = list_with_keys(&f, all[i].n_written);
        g_autofree char *json = backup_list_to_json(list);

        assert_keys(&f, json, all[i].n_read);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(others); i++) {
        g_autofree char *json = g_strdup_printf(
                "{\"version\": 1, \"backups\": ["
                "{\"serial\": 1, \"time\": 1, \"reason\": \"import\"%s}, "
                "{\"serial\": 2, \"time\": 1, \"reason\": \"import\"%s}]}",
                others[i], others[i]);

        assert_keys(&f, json, -1);
    }
}

static void the_list_takes_room_too(void) {
    g_auto(TestVM) f = made();
    g_autoptr(BackupList) list = NULL;
    g_autofree char *json = NULL;

    replace_plainly(&f, "12");
    list = list_with_keys(&f, 200);
    json = backup_list_to_json(list);
    write_list(&f, json);
    {
        g_auto(VMResult) result = replace(&f, '3', room_for(&f, 3));

        g_assert_false(result.lacks_good_copy);
    }
    test_vm_assert_backups(&f, "3 import, 2 import");
}

static void an_entry_without_its_file_does_not_count(void) {
    g_auto(TestVM) f = made();
    g_autofree char *path = path_of(&f, "backup-2.raw");

    replace_plainly(&f, "12");
    g_assert_no_errno(g_unlink(path));
    test_vm_assert_backups(&f, "1 import");
    replace_plainly(&f, "3");
    test_vm_assert_backups(&f, "3 import, 1 import");
}

static void only_names_that_the_service_gives_are_backups(void) {
    static const char *const names[] = {
            "backup-01.raw",    "backup--1.raw", "backup-1",
            "backup-1.",        "backup-1.vhd",  "backup-4294967296.raw",
            "backup-1.raw.raw", "backup-.raw",   "backup-+1.raw",
            "backup-1.RAW",     "Backup"};
    g_auto(TestVM) f = made();

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = path_of(&f, names[i]);

        test_write_text("/", path, "x");
    }
    test_vm_assert_backups(&f, "");
}

static void two_files_of_one_number_are_one_backup(void) {
    g_auto(TestVM) f = made();
    g_autofree char *old = path_of(&f, "backup");
    g_autofree char *new = path_of(&f, "backup-0.raw");

    test_write_text("/", old, "x");
    test_write_text("/", new, "x");
    test_vm_assert_backups(&f, "0 reset");
    replace_plainly(&f, "1");
    test_vm_assert_backups(&f, "1 import, 0 reset");
}

/* Its owner has a lease of fcntl(2) on it. */
static void one_that_cannot_be_read_hides_no_other(void) {
    g_auto(TestVM) f = made();
    g_auto(VMResult) result = VM_RESULT_INIT;
    g_autofree char *path = path_of(&f, "backup-1.raw");
    g_auto(FileFd) fd = FILE_FD_NONE;
    const BackupReport *reports[2];

    replace_plainly(&f, "12");
    (void)signal(SIGIO, SIG_IGN);
    fd = open(path, O_RDWR | O_CLOEXEC);
    g_assert_no_errno(fcntl(fd, F_SETLEASE, F_WRLCK));
    test_vm_ask(&f, REQUEST_CALL_BARE, NULL, NULL);
    g_assert_true(vm_op_list_backups(&f.op, &result, NULL));
    g_assert_cmpuint(result.backups->len, ==, 2);
    for (guint i = 0; i < 2; i++)
        reports[i] = result.backups->pdata[i];
    g_assert_cmpuint(strlen(reports[0]->sha256), ==, 64);
    g_assert_cmpuint(reports[1]->backup.serial, ==, 1);
    g_assert_cmpstr(reports[1]->sha256, ==, "");
    g_assert_cmpint(reports[1]->health, ==, STORE_HEALTH_UNREADABLE);
    assert_not_restored(&f, 1, FIRMWARE_ERROR_NVRAM_IN_USE, "VM a");
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(the_last_three_are_kept),
            TEST_CASE(the_number_is_the_administrators),
            TEST_CASE(the_good_copy_is_one_more),
            TEST_CASE(what_was_there_becomes_a_backup),
            TEST_CASE(what_is_restored_is_never_dropped),
            TEST_CASE(only_what_there_is_and_fits_is_restored),
            TEST_CASE(nvram_that_is_gone_is_restored),
            TEST_CASE(a_vm_in_use_is_not_restored),
            TEST_CASE(each_can_be_exported),
            TEST_CASE(they_stay_with_another_record_and_another_id),
            TEST_CASE(the_oldest_goes_first_where_there_is_no_room),
            TEST_CASE(then_the_good_copy_then_the_new_one),
            TEST_CASE(holes_take_no_room),
            TEST_CASE(the_backup_of_the_first_version_is_number_0),
            TEST_CASE(a_list_with_a_fault_loses_no_backup),
            TEST_CASE(the_list_says_which_keys_there_were),
            TEST_CASE(the_list_takes_room_too),
            TEST_CASE(an_entry_without_its_file_does_not_count),
            TEST_CASE(only_names_that_the_service_gives_are_backups),
            TEST_CASE(two_files_of_one_number_are_one_backup),
            TEST_CASE(one_that_cannot_be_read_hides_no_other),
    };

    return test_main(argc, argv, "backups", cases, G_N_ELEMENTS(cases));
}
