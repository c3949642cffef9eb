/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/vmstore.h"

#include <glib/gstdio.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "util-vmstore.h"

/* The store, its VMs, and how drafts become VMs. */

static void assert_path_mode(const char *dir, const char *below, guint mode) {
    g_autofree char *path = g_build_filename(dir, below, NULL);

    test_assert_mode(path, mode);
}

/* -- ids --------------------------------------------------------------------------------- */

static void ids_that_are_taken(void) {
    static const char *const ids[] = {
            "a", "libvirt:vm 1", "-",   "a.",       "a..b", "a\\b",   "\u00fc", "\U0001f427",
            "~", "lock",         "vms", "pin.json", "*?[",  "\u2028", "\"'$`",
    };
    g_autofree char *longest = g_strnfill(200, 'a');

    for (gsize i = 0; i < G_N_ELEMENTS(ids); i++)
        g_assert_true(vmstore_is_id(ids[i]));
    g_assert_true(vmstore_is_id(longest));
}

static void ids_that_are_not_taken(void) {
    static const char *const ids[] = {
            "",     ".",     "..",           ".a",        ".new-0",
            "/",    "a/b",   "a/",           "../a",      "a\n",
            "\t",   "\x1f",  "\x7f",         "a\xc2\x80", "\xc2\x9f",
            "\xff", "a\xc3", "\xed\xa0\x80", "\xc0\xaf",  "\xef\xbf\xbf",
    };
    g_autofree char *longer = g_strnfill(201, 'a');
    g_autoptr(GString) wide = g_string_new(NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(ids); i++)
        g_assert_false(vmstore_is_id(ids[i]));
    g_assert_false(vmstore_is_id(longer));

    /* bytes count, not characters */
    for (guint i = 0; i < 101; i++)
        g_string_append(wide, "\u00fc");
    g_assert_false(vmstore_is_id(wide->str));
    g_string_truncate(wide, 200);
    g_assert_true(vmstore_is_id(wide->str));
}

/* -- directories ------------------------------------------------------------------------- */

static void check_layout(mode_t mask) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autofree char *state = g_build_filename(dir, "var", "state", NULL);
    g_autofree char *owner = g_strdup_printf("vms/%u", (unsigned)test_owner());
    mode_t before = umask(mask);
    g_autoptr(VMStore) store = test_store(state);

    test_make_vm(store, "a", "x");
    (void)umask(before);

    g_assert_no_errno(chdir(state));
    assert_path_mode(state, "", S_IFDIR | 0711);
    assert_path_mode(state, "lock", S_IFREG | 0600);
    assert_path_mode(state, "vms", S_IFDIR | 0711);
    assert_path_mode(state, owner, S_IFDIR | 0711);
    g_assert_no_errno(chdir(owner));
    test_assert_mode("a", S_IFDIR | 0711);
    test_assert_mode("a/nvram.raw", S_IFREG | 0600);
    test_assert_mode("a/pin.json", S_IFREG | 0600);
    test_assert_mode("a/lock", S_IFREG | 0600);
    g_assert_no_errno(chdir("/"));
    test_assert_entries(store, NULL, "a");
    test_assert_entries(store, "a", "lock, nvram.raw, pin.json");
}

static void modes_are_those_of_the_layout_whatever_the_umask(void) {
    check_layout(0);
    check_layout(022);
    check_layout(077);
}

static void modes_are_put_right(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autofree char *vms = test_mkdir(dir, "vms");
    g_autofree char *uid = g_strdup_printf("%u", (unsigned)test_owner());
    g_autofree char *owner = test_mkdir(vms, uid);
    g_autoptr(VMStore) store = NULL;
    g_autoptr(VMDraft) draft = NULL;

    /* where a service was killed between two calls */
    g_assert_no_errno(g_chmod(vms, 0700));
    g_assert_no_errno(g_chmod(owner, 0700));
    store = test_store(dir);
    /* this one was there before: it has its administrator's mode */
    test_assert_mode(dir, S_IFDIR | 0700);
    test_assert_mode(vms, S_IFDIR | 0711);
    draft = test_draft(store);
    test_assert_mode(owner, S_IFDIR | 0711);
}

static void paths_are_below_the_owner(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autoptr(VMStore) store = test_store(dir);
    g_autofree char *path = vmstore_path(store, 4294967294u, "a b", "nvram.raw");
    g_autofree char *expected = g_strconcat(dir, "/vms/4294967294/a b/nvram.raw", NULL);
    g_autofree char *raw = vmstore_nvram_name(IMAGE_FORMAT_RAW);
    g_autofree char *qcow2 = vmstore_nvram_name(IMAGE_FORMAT_QCOW2);
    g_autofree char *json = vmstore_nvram_name(IMAGE_FORMAT_JSON);

    g_assert_cmpstr(path, ==, expected);
    g_assert_cmpstr(raw, ==, "nvram.raw");
    g_assert_cmpstr(qcow2, ==, "nvram.qcow2");
    g_assert_cmpstr(json, ==, "nvram.json");
}

static void a_directory_has_one_service(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autoptr(VMStore) store = test_store(dir);
    g_autofree char *text = g_strconcat("another service has the state directory ", dir, NULL);
    g_autoptr(GError) error = NULL;

    g_assert_null(vmstore_open(dir, &error));
    g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_LIMITS_EXCEEDED);
    g_assert_cmpstr(error->message, ==, text);
    g_clear_pointer(&store, vmstore_free);
    store = test_store(dir);
}

static void assert_not_opened(const char *dir, const char *below) {
    g_autofree char *path = g_build_filename(dir, below, NULL);
    g_autoptr(GError) error = NULL;

    g_assert_null(vmstore_open(path, &error));
    g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_IO);
    g_assert_nonnull(strstr(error->message, path));
}

static void a_directory_that_cannot_be_used_is_told(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autofree char *a = test_mkdir(dir, "a");
    g_autofree char *b = test_mkdir(dir, "b");
    g_autofree char *c = test_mkdir(dir, "c");

    test_write_text(dir, "file", "");
    test_write_text(a, "vms", "");
    test_link(b, "vms", a);
    test_link(c, "lock", "elsewhere");
    assert_not_opened(dir, "file");
    assert_not_opened(dir, "file/below");
    assert_not_opened(dir, "a");
    assert_not_opened(dir, "b");
    assert_not_opened(dir, "c");
}

/* -- drafts ------------------------------------------------------------------------------ */

static void a_draft_that_is_freed_is_gone(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autoptr(VMStore) store = test_store(dir);
    g_autoptr(VMDraft) draft = test_draft(store);
    g_autoptr(VMDraft) second = test_draft(store);
    g_autofree char *path = test_draft_path(draft, VMDRAFT_SCRATCH_RAW);
    g_auto(FileFd) vm = FILE_FD_NONE;

    test_draft_file(draft, VMDRAFT_SCRATCH_RAW, "x");
    test_draft_give(draft, "b", "nvram.raw", "x");
    test_assert_mode(path, S_IFREG | 0600);
    g_assert_no_errno(faccessat(vmdraft_get_fd(draft), VMDRAFT_SCRATCH_RAW, F_OK, 0));
    g_clear_pointer(&draft, vmdraft_free);
    g_assert_cmpint(g_access(path, F_OK), ==, -1);
    g_clear_pointer(&second, vmdraft_free);
    test_assert_entries(store, NULL, "");
    g_assert_cmpint(vmstore_open_vm(store, test_owner(), "a", &vm), ==, -ENOENT);
    g_assert_cmpint(vmstore_open_vm(store, TEST_UNKNOWN_UID, "a", &vm), ==, -ENOENT);
}

static void a_draft_has_each_file_once(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autoptr(VMStore) store = test_store(dir);
    g_autoptr(VMDraft) draft = test_draft(store);
    g_autoptr(GError) error = NULL;
    g_autoptr(GError) second = NULL;
    FileFd fd = FILE_FD_NONE;

    test_draft_file(draft, "a", "x");
    test_draft_file(draft, "b", "x");
    g_assert_false(vmdraft_create(draft, "a", &fd, &error));
    g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_IO);
    g_assert_cmpint(fd, ==, FILE_FD_NONE);
    g_assert_false(vmdraft_give(draft, "a", "b", &second));
    g_assert_error(second, FIRMWARE_ERROR, FIRMWARE_ERROR_IO);
}

static void what_is_no_file_is_not_given(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autoptr(VMStore) store = test_store(dir);
    g_autoptr(VMDraft) draft = test_draft(store);
    g_autoptr(GError) error = NULL;
    g_autoptr(GError) second = NULL;

    g_assert_no_errno(symlinkat("/etc/passwd", vmdraft_get_fd(draft), "link"));
    g_assert_false(vmdraft_give(draft, "link", "nvram.raw", &error));
    g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_IO);
    g_assert_false(vmdraft_give(draft, "nothing", "nvram.raw", &second));
    g_assert_error(second, FIRMWARE_ERROR, FIRMWARE_ERROR_IO);
}

/* To a user of the database, and to one that it does not know: root can, others are told. */
static void check_given_to(uid_t uid, gid_t gid) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autoptr(VMStore) store = test_store(dir);
    g_autoptr(GError) error = NULL;
    g_autoptr(VMDraft) draft = vmdraft_new(store, uid, NULL, &error);
    g_autofree char *path = NULL;
    struct stat st;

    g_assert_no_error(error);
    test_draft_file(draft, VMDRAFT_SCRATCH_RAW, "x");
    if (geteuid() != 0 && geteuid() != uid) {
        g_assert_false(vmdraft_give(draft, VMDRAFT_SCRATCH_RAW, "nvram.raw", &error));
        g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_IO);
        return;
    }

    g_assert_true(vmdraft_give(draft, VMDRAFT_SCRATCH_RAW, "nvram.raw", &error));
    g_assert_no_error(error);
    path = test_draft_path(draft, "nvram.raw");
    test_assert_mode(path, S_IFREG | 0600);
    g_assert_no_errno(lstat(path, &st));
    g_assert_cmpuint(st.st_uid, ==, uid);
    g_assert_cmpuint(st.st_gid, ==, gid);
    /* all else is the service's */
    g_assert_no_errno(fstat(vmdraft_get_fd(draft), &st));
    g_assert_cmpuint(st.st_uid, ==, geteuid());
}

static void files_are_given_to_the_owner_and_his_group(void) {
    const struct passwd *entry = getpwuid(1);

    check_given_to(geteuid(), getegid());
    check_given_to(TEST_UNKNOWN_UID, 65534);
    check_given_to(1, entry ? entry->pw_gid : 65534);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(ids_that_are_taken),
            TEST_CASE(ids_that_are_not_taken),
            TEST_CASE(modes_are_those_of_the_layout_whatever_the_umask),
            TEST_CASE(modes_are_put_right),
            TEST_CASE(paths_are_below_the_owner),
            TEST_CASE(a_directory_has_one_service),
            TEST_CASE(a_directory_that_cannot_be_used_is_told),
            TEST_CASE(a_draft_that_is_freed_is_gone),
            TEST_CASE(a_draft_has_each_file_once),
            TEST_CASE(what_is_no_file_is_not_given),
            TEST_CASE(files_are_given_to_the_owner_and_his_group),
    };

    return test_main(argc, argv, "vmstore", cases, G_N_ELEMENTS(cases));
}
