/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/vmdraft.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "util-vmstore.h"

/* A VM appears, changes and goes at once, and what fails leaves all as it was. */

static void assert_no_vm(const OneVM *f, const char *id) {
    FileFd fd = FILE_FD_NONE;

    g_assert_cmpint(vmstore_open_vm(f->store, test_owner(), id, &fd), ==, -ENOENT);
    g_assert_cmpint(fd, ==, FILE_FD_NONE);
}

static void assert_exists(GError *error, const char *id) {
    g_autofree char *text = g_strdup_printf(
            "the owner has a VM \"%s\" already, or a directory of this name whose record cannot be "
            "read: see the service's log",
            id);

    g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_VM_EXISTS);
    g_assert_cmpstr(error->message, ==, text);
}

/* -- new VMs ----------------------------------------------------------------------------- */

static void a_vm_appears_when_it_is_published(void) {
    g_auto(OneVM) f = test_one_vm();
    g_autoptr(VMDraft) draft = test_draft(f.store);
    g_autoptr(GError) error = NULL;
    g_auto(FileFd) vm = FILE_FD_NONE;

    test_draft_give(draft, "nvram.raw", "nvram.raw", "new");
    assert_no_vm(&f, "b");
    g_assert_true(vmdraft_publish(draft, "b", &error));
    g_assert_no_error(error);
    test_assert_content(f.store, "b", "nvram.raw", "new");
    test_assert_entries(f.store, NULL, "a, b");
    g_clear_pointer(&draft, vmdraft_free);
    test_assert_content(f.store, "b", "nvram.raw", "new");
    test_assert_entries(f.store, "b", "lock, nvram.raw");
    vm = test_open_vm(f.store, "b");
}

static void an_id_is_given_once(void) {
    g_auto(OneVM) f = test_one_vm();
    g_autoptr(VMDraft) draft = test_draft(f.store);
    g_autoptr(GError) error = NULL;

    test_draft_give(draft, "nvram.raw", "nvram.raw", "new");
    g_assert_false(vmdraft_publish(draft, "a", &error));
    assert_exists(error, "a");
    test_assert_content(f.store, "a", "nvram.raw", "old");

    /* the draft is as good as before */
    g_assert_true(vmdraft_publish(draft, "b", NULL));
    test_assert_content(f.store, "b", "nvram.raw", "new");
    test_assert_content(f.store, "a", "nvram.raw", "old");
}

static void a_file_in_the_way_is_not_replaced(void) {
    g_auto(OneVM) f = test_one_vm();
    g_autoptr(VMDraft) draft = test_draft(f.store);
    g_autofree char *path = vmstore_path(f.store, test_owner(), "a", "../b");
    g_autoptr(GError) error = NULL;

    g_assert_true(g_file_set_contents(path, "x", 1, NULL));
    g_assert_false(vmdraft_publish(draft, "b", &error));
    assert_exists(error, "b");
    g_clear_pointer(&draft, vmdraft_free);
    test_assert_entries(f.store, NULL, "a, b");
}

/* -- changed VMs ------------------------------------------------------------------------- */

static void a_replaced_vm_keeps_its_lock(void) {
    g_auto(OneVM) f = test_one_vm();
    g_autoptr(VMDraft) draft = test_draft(f.store);
    guint64 lock = test_inode(f.store, "a", "lock");
    g_auto(FileFd) lease = FILE_FD_NONE;
    g_auto(FileFd) vm = FILE_FD_NONE;
    g_autoptr(GError) error = NULL;

    g_assert_true(vmstore_lease(f.store, "a", f.vm, &lease, NULL));
    test_draft_give(draft, "scratch", "nvram.raw", "new");
    g_assert_true(vmdraft_keep(draft, f.vm, "nvram.raw", "backup-1.raw", &error));
    test_assert_content(f.store, "a", "nvram.raw", "old");
    test_assert_entries(f.store, "a", "lock, nvram.raw, pin.json");

    g_assert_true(vmdraft_replace(draft, f.vm, "a", NULL, &error));
    g_assert_no_error(error);
    test_assert_content(f.store, "a", "nvram.raw", "new");
    test_assert_content(f.store, "a", "backup-1.raw", "old");
    test_assert_entries(f.store, "a", "backup-1.raw, lock, nvram.raw");
    g_assert_cmpuint(test_inode(f.store, "a", "lock"), ==, lock);

    /* whoever had the lease has it still */
    vm = test_open_vm(f.store, "a");
    g_assert_true(vmstore_is_leased(f.store, vm));
    file_fd_close(lease);
    lease = FILE_FD_NONE;
    g_assert_false(vmstore_is_leased(f.store, vm));
}

static void what_a_vm_was_goes_with_the_draft(void) {
    g_auto(OneVM) f = test_one_vm();
    g_autoptr(VMDraft) draft = test_draft(f.store);
    g_autofree char *before = test_draft_path(draft, "nvram.raw");
    g_autofree char *content = NULL;

    test_draft_give(draft, "scratch", "nvram.raw", "new");
    g_assert_true(vmdraft_replace(draft, f.vm, "a", NULL, NULL));
    g_assert_true(g_file_get_contents(before, &content, NULL, NULL));
    g_assert_cmpstr(content, ==, "old");
    g_clear_pointer(&draft, vmdraft_free);
    test_assert_entries(f.store, NULL, "a");
    test_assert_content(f.store, "a", "nvram.raw", "new");
}

static void files_are_kept_as_they_are(void) {
    g_auto(OneVM) f = test_one_vm();
    g_autoptr(VMDraft) draft = test_draft(f.store);
    guint64 inode = test_inode(f.store, "a", "nvram.raw");
    g_autoptr(GError) error = NULL;

    g_assert_true(vmdraft_keep(draft, f.vm, "nvram.raw", "nvram.raw", &error));
    g_assert_true(vmdraft_keep(draft, f.vm, "backup", "backup", &error));
    g_assert_no_error(error);
    g_assert_false(vmdraft_keep(draft, f.vm, "pin.json", "nvram.raw", &error));
    g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_IO);
    g_assert_true(vmdraft_replace(draft, f.vm, "a", NULL, NULL));
    g_clear_pointer(&draft, vmdraft_free);
    g_assert_cmpuint(test_inode(f.store, "a", "nvram.raw"), ==, inode);
    test_assert_entries(f.store, "a", "lock, nvram.raw");
}

/* An owner can make so many links to his file that it takes no more. */
static void a_file_that_cannot_be_linked_is_not_kept(void) {
    g_auto(OneVM) f = test_one_vm();
    g_autoptr(VMDraft) draft = test_draft(f.store);
    g_autofree char *elsewhere = test_mkdir(f.dir, "elsewhere");
    g_auto(FileFd) dir = open(elsewhere, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(GError) error = NULL;
    gboolean is_full = FALSE;

    /* as many as ext4 has, or where there is no limit, more */
    for (guint i = 0; i < 65100 && !is_full; i++) {
        char name[16];

        (void)g_snprintf(name, sizeof name, "%u", i);
        is_full = linkat(f.vm, "nvram.raw", dir, name, 0) < 0;
        g_assert_true(!is_full || errno == EMLINK);
    }
    if (!is_full)
        return;
    g_assert_false(vmdraft_keep(draft, f.vm, "nvram.raw", "backup", &error));
    g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_VM_CONFLICT);
    g_assert_nonnull(strstr(error->message, "nvram.raw"));
}

static void a_directory_is_not_kept(void) {
    g_auto(OneVM) f = test_one_vm();
    g_autoptr(VMDraft) draft = test_draft(f.store);
    g_autoptr(GError) error = NULL;

    g_assert_no_errno(mkdirat(f.vm, "backup", 0700));
    g_assert_false(vmdraft_keep(draft, f.vm, "backup", "backup", &error));
    g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_VM_CONFLICT);
    g_assert_no_errno(unlinkat(f.vm, "backup", AT_REMOVEDIR));
}

static void what_is_not_there_is_not_replaced(void) {
    g_auto(OneVM) f = test_one_vm();
    g_autoptr(VMDraft) draft = test_draft(f.store);
    g_autoptr(GError) error = NULL;

    g_assert_false(vmdraft_replace(draft, f.vm, "b", NULL, &error));
    g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_IO);
    g_clear_pointer(&draft, vmdraft_free);
    test_assert_entries(f.store, NULL, "a");
    test_assert_content(f.store, "a", "nvram.raw", "old");
}

/* -- other names, and none --------------------------------------------------------------- */

static void a_vm_gets_another_id(void) {
    g_auto(OneVM) f = test_one_vm();
    g_auto(FileFd) lease = FILE_FD_NONE;
    g_autoptr(GError) error = NULL;

    g_assert_true(vmstore_lease(f.store, "a", f.vm, &lease, NULL));
    g_assert_true(vmstore_rename(f.store, test_owner(), "a", NULL, "b \u00fc", NULL, &error));
    g_assert_no_error(error);
    assert_no_vm(&f, "a");
    test_assert_content(f.store, "b \u00fc", "nvram.raw", "old");
    g_assert_true(vmstore_is_leased(f.store, f.vm));
}

static void an_id_that_is_taken_stays(void) {
    g_auto(OneVM) f = test_one_vm();
    g_autoptr(GError) error = NULL;
    g_autoptr(GError) itself = NULL;

    test_make_vm(f.store, "b", "other");
    g_assert_false(vmstore_rename(f.store, test_owner(), "a", NULL, "b", NULL, &error));
    assert_exists(error, "b");
    g_assert_false(vmstore_rename(f.store, test_owner(), "a", NULL, "a", NULL, &itself));
    assert_exists(itself, "a");
    test_assert_content(f.store, "a", "nvram.raw", "old");
    test_assert_content(f.store, "b", "nvram.raw", "other");
}

static void a_removed_vm_is_gone(void) {
    g_auto(OneVM) f = test_one_vm();
    g_autoptr(GError) error = NULL;

    test_make_vm(f.store, "b", "other");
    g_assert_true(vmstore_remove(f.store, test_owner(), "a", NULL, NULL, &error));
    g_assert_no_error(error);
    assert_no_vm(&f, "a");
    test_assert_entries(f.store, NULL, "b");
    g_assert_cmpuint(vmstore_get_size(f.vm), ==, 0);
    test_make_vm(f.store, "a", "new");
    test_assert_content(f.store, "a", "nvram.raw", "new");
}

static void what_is_not_there_cannot_be_changed(void) {
    g_auto(OneVM) f = test_one_vm();
    const uid_t owners[] = {test_owner(), TEST_UNKNOWN_UID};

    for (gsize i = 0; i < G_N_ELEMENTS(owners); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GError) second = NULL;

        g_assert_false(vmstore_remove(f.store, owners[i], "no such", NULL, NULL, &error));
        g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_IO);
        g_assert_nonnull(strstr(error->message, "no such"));
        g_assert_false(vmstore_rename(f.store, owners[i], "no such", NULL, "b", NULL, &second));
        g_assert_error(second, FIRMWARE_ERROR, FIRMWARE_ERROR_IO);
    }
    test_assert_entries(f.store, NULL, "a");
}

/* -- foreign files ----------------------------------------------------------------------- */

static void write_file(const OneVM *f, const char *name) {
    g_autofree char *path = vmstore_path(f->store, test_owner(), "a", name);

    g_assert_true(g_file_set_contents(path, "foreign", -1, NULL));
}

static void assert_conflict(GError *error, const char *name) {
    g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_VM_CONFLICT);
    g_assert_nonnull(strstr(error->message, name));
}

/* "nvram.qcow2" is one, too, in a VM whose NVRAM is raw. */
static void foreign_files_are_carried_along(void) {
    static const char *const names[] = {"copy_VARS.fd", ".hidden", "nvram.qcow2"};
    g_auto(OneVM) f = test_one_vm();
    g_autoptr(Pin) pin = vmstore_read_pin(f.vm, NULL);
    g_autoptr(VMDraft) draft = test_draft(f.store);
    guint64 inodes[G_N_ELEMENTS(names)];
    g_autoptr(GError) error = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        write_file(&f, names[i]);
        inodes[i] = test_inode(f.store, "a", names[i]);
    }
    test_draft_give(draft, "scratch", "nvram.raw", "new");
    g_assert_true(vmdraft_replace(draft, f.vm, "a", pin, &error));
    g_assert_no_error(error);
    g_clear_pointer(&draft, vmdraft_free);
    test_assert_entries(f.store, NULL, "a");
    test_assert_entries(f.store, "a", ".hidden, copy_VARS.fd, lock, nvram.qcow2, nvram.raw");
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        g_assert_cmpuint(test_inode(f.store, "a", names[i]), ==, inodes[i]);
}

/* More than are listed at once. */
static void many_foreign_files_are_carried_along(void) {
    g_auto(OneVM) f = test_one_vm();
    g_autoptr(Pin) pin = vmstore_read_pin(f.vm, NULL);
    g_autoptr(VMDraft) draft = test_draft(f.store);
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < 200; i++) {
        g_autofree char *name = g_strdup_printf("foreign-%u", i);

        write_file(&f, name);
    }
    test_draft_give(draft, "scratch", "nvram.raw", "new");
    g_assert_true(vmdraft_replace(draft, f.vm, "a", pin, &error));
    g_assert_no_error(error);
    for (guint i = 0; i < 200; i++) {
        g_autofree char *name = g_strdup_printf("foreign-%u", i);

        test_assert_content(f.store, "a", name, "foreign");
    }
}

static void a_foreign_file_is_not_replaced(void) {
    g_auto(OneVM) f = test_one_vm();
    g_autoptr(Pin) pin = vmstore_read_pin(f.vm, NULL);
    g_autoptr(VMDraft) draft = test_draft(f.store);
    g_autoptr(GError) error = NULL;

    write_file(&f, "nvram.qcow2");
    test_draft_give(draft, "scratch", "nvram.qcow2", "new");
    g_assert_false(vmdraft_replace(draft, f.vm, "a", pin, &error));
    assert_conflict(error, "nvram.qcow2");
    g_clear_pointer(&draft, vmdraft_free);
    test_assert_content(f.store, "a", "nvram.qcow2", "foreign");
    test_assert_content(f.store, "a", "nvram.raw", "old");
    test_assert_entries(f.store, NULL, "a");
}

static void a_foreign_directory_is_not_carried_along(void) {
    g_auto(OneVM) f = test_one_vm();
    g_autoptr(VMDraft) draft = test_draft(f.store);
    g_autoptr(GError) error = NULL;

    write_file(&f, "copy_VARS.fd");
    g_assert_no_errno(mkdirat(f.vm, "directory", 0700));
    test_draft_give(draft, "scratch", "nvram.raw", "new");
    g_assert_false(vmdraft_replace(draft, f.vm, "a", NULL, &error));
    assert_conflict(error, "directory");
    g_clear_pointer(&draft, vmdraft_free);
    test_assert_entries(f.store, NULL, "a");
    test_assert_entries(f.store, "a", "copy_VARS.fd, directory, lock, nvram.raw, pin.json");
    test_assert_content(f.store, "a", "nvram.raw", "old");
    test_assert_content(f.store, "a", "copy_VARS.fd", "foreign");
}

/* It was created in the old directory after the others had been linked. */
static void a_late_foreign_file_is_moved(void) {
    g_auto(OneVM) f = test_one_vm();
    g_autoptr(VMDraft) draft = test_draft(f.store);
    g_autofree char *late = test_draft_path(draft, "copy_VARS.fd");

    test_draft_give(draft, "scratch", "nvram.raw", "new");
    g_assert_true(vmdraft_replace(draft, f.vm, "a", NULL, NULL));
    g_assert_true(g_file_set_contents(late, "foreign", -1, NULL));
    g_clear_pointer(&draft, vmdraft_free);
    test_assert_entries(f.store, NULL, "a");
    test_assert_content(f.store, "a", "copy_VARS.fd", "foreign");
}

static void a_vm_with_a_foreign_file_keeps_its_name(void) {
    static const char *const names[] = {"copy_VARS.fd", "nvram.qcow2", "directory", "link"};
    g_auto(OneVM) f = test_one_vm();
    g_autoptr(Pin) pin = vmstore_read_pin(f.vm, NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = vmstore_path(f.store, test_owner(), "a", names[i]);
        g_autoptr(GError) first = NULL;
        g_autoptr(GError) second = NULL;

        if (g_str_equal(names[i], "directory"))
            g_assert_no_errno(mkdir(path, 0700));
        else if (g_str_equal(names[i], "link"))
            g_assert_no_errno(symlink("nvram.raw", path));
        else
            write_file(&f, names[i]);
        g_assert_false(vmstore_rename(f.store, test_owner(), "a", pin, "b", NULL, &first));
        assert_conflict(first, path);
        g_assert_false(vmstore_remove(f.store, test_owner(), "a", pin, NULL, &second));
        assert_conflict(second, path);
        test_assert_entries(f.store, NULL, "a");
        test_assert_content(f.store, "a", "nvram.raw", "old");
        g_assert_no_errno(g_remove(path));
    }
    g_assert_true(vmstore_remove(f.store, test_owner(), "a", pin, NULL, NULL));
    test_assert_entries(f.store, NULL, "");
}

static void a_link_is_no_vm(void) {
    g_auto(OneVM) f = test_one_vm();
    g_autofree char *path = vmstore_path(f.store, test_owner(), "a", "../b");
    FileFd fd = FILE_FD_NONE;

    g_assert_no_errno(symlink("a", path));
    g_assert_cmpint(vmstore_open_vm(f.store, test_owner(), "b", &fd), <, 0);
    g_assert_cmpint(fd, ==, FILE_FD_NONE);
}

static void an_abandoned_change_is_never_published(void) {
    g_auto(OneVM) f = test_one_vm();
    Commit commit = {};
    g_autoptr(VMDraft) draft = vmdraft_new(f.store, test_owner(), &commit, NULL);
    GError *errors[4] = {};

    g_assert_true(commit_abandon(&commit));
    g_assert_false(vmdraft_publish(draft, "b", &errors[0]));
    g_assert_false(vmdraft_replace(draft, f.vm, "a", NULL, &errors[1]));
    g_assert_false(vmstore_rename(f.store, test_owner(), "a", NULL, "b", &commit, &errors[2]));
    g_assert_false(vmstore_remove(f.store, test_owner(), "a", NULL, &commit, &errors[3]));
    for (gsize i = 0; i < G_N_ELEMENTS(errors); i++) {
        g_assert_error(errors[i], FIRMWARE_ERROR, FIRMWARE_ERROR_IO);
        g_error_free(errors[i]);
    }
    g_clear_pointer(&draft, vmdraft_free);
    test_assert_entries(f.store, NULL, "a");
    test_assert_content(f.store, "a", "nvram.raw", "old");
}

static void a_published_change_cannot_be_abandoned(void) {
    g_auto(OneVM) f = test_one_vm();
    Commit commit = {};

    g_assert_true(vmstore_rename(f.store, test_owner(), "a", NULL, "b", &commit, NULL));
    g_assert_false(commit_abandon(&commit));
    test_assert_entries(f.store, NULL, "b");
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(a_vm_appears_when_it_is_published),
            TEST_CASE(an_id_is_given_once),
            TEST_CASE(a_file_in_the_way_is_not_replaced),
            TEST_CASE(a_replaced_vm_keeps_its_lock),
            TEST_CASE(what_a_vm_was_goes_with_the_draft),
            TEST_CASE(files_are_kept_as_they_are),
            TEST_CASE(a_file_that_cannot_be_linked_is_not_kept),
            TEST_CASE(a_directory_is_not_kept),
            TEST_CASE(what_is_not_there_is_not_replaced),
            TEST_CASE(a_vm_gets_another_id),
            TEST_CASE(an_id_that_is_taken_stays),
            TEST_CASE(a_removed_vm_is_gone),
            TEST_CASE(what_is_not_there_cannot_be_changed),
            TEST_CASE(foreign_files_are_carried_along),
            TEST_CASE(many_foreign_files_are_carried_along),
            TEST_CASE(a_foreign_file_is_not_replaced),
            TEST_CASE(a_foreign_directory_is_not_carried_along),
            TEST_CASE(a_late_foreign_file_is_moved),
            TEST_CASE(a_vm_with_a_foreign_file_keeps_its_name),
            TEST_CASE(a_link_is_no_vm),
            TEST_CASE(an_abandoned_change_is_never_published),
            TEST_CASE(a_published_change_cannot_be_abandoned),
    };

    return test_main(argc, argv, "vmstore-change", cases, G_N_ELEMENTS(cases));
}
