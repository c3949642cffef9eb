/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/vmstore.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "util-vmstore.h"

/* What a service finds when it starts. */

static int compare_lines(gconstpointer a, gconstpointer b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void on_vm(
        uid_t uid, const char *id, int dir_fd, const Pin *pin, const char *fault,
        gpointer userdata) {
    g_assert_true(dir_fd >= 0 || !pin);
    g_assert_true((pin == NULL) == (fault != NULL));
    g_ptr_array_add(
            userdata,
            g_strdup_printf("%u %s %s", (unsigned)uid, id, pin ? pin->resolution->name : fault));
}

/* Each VM as "UID ID FIRMWARE" or "UID ID FAULT", sorted; @ is the tests' owner. */
static void assert_loaded(VMStore *store, const char *expected) {
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *owner = g_strdup_printf("%u", (unsigned)test_owner());
    g_autoptr(GString) text = g_string_new(expected);
    g_autoptr(GError) error = NULL;

    g_assert_true(vmstore_load(store, on_vm, lines, &error));
    g_assert_no_error(error);
    g_ptr_array_sort(lines, compare_lines);
    g_string_replace(text, "@", owner, 0);
    test_assert_joined_array(lines, text->str);
}

/* A file of the VM, behind the store's back. */
static void overwrite(VMStore *store, const char *id, const char *file, const char *text) {
    g_autofree char *path = vmstore_path(store, test_owner(), id, file);
    g_autoptr(GError) error = NULL;

    g_file_set_contents(path, text, -1, &error);
    g_assert_no_error(error);
}

static char *make_vm_directory(VMStore *store, const char *name) {
    g_autofree char *owner = vmstore_path(store, test_owner(), ".", ".");

    return test_mkdir(owner, name);
}

static void keep_pin(
        uid_t uid, const char *id, int dir_fd, const Pin *pin, const char *fault,
        gpointer userdata) {
    g_ptr_array_add(userdata, pin_ref(pin));
}

static void an_empty_store_has_no_vms(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autoptr(VMStore) store = test_store(dir);

    assert_loaded(store, "");
}

static void vms_are_there_after_a_restart(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autoptr(VMStore) store = test_store(dir);

    test_make_vm(store, "a", "x");
    test_make_vm(store, "b \u00fc", "y");
    assert_loaded(store, "@ a split, @ b \u00fc split");
    g_clear_pointer(&store, vmstore_free);
    store = test_store(dir);
    assert_loaded(store, "@ a split, @ b \u00fc split");
    test_assert_content(store, "a", "nvram.raw", "x");
}

static void vms_of_all_owners_are_told(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autoptr(VMStore) store = test_store(dir);
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(Pin) pin = test_pin(root, test_pin_kind("stateless"), NULL);
    g_autoptr(VMDraft) draft = vmdraft_new(store, 4294967294u, NULL, NULL);

    g_assert_true(vmdraft_write_pin(draft, pin, NULL));
    g_assert_true(vmdraft_publish(draft, "a", NULL));
    assert_loaded(store, "4294967294 a stateless");
}

static void add_vm(VMStore *store, const Pin *pin, const char *id) {
    g_autoptr(VMDraft) draft = vmdraft_new(store, test_owner(), NULL, NULL);

    g_assert_true(vmdraft_write_pin(draft, pin, NULL));
    g_assert_true(vmdraft_publish(draft, id, NULL));
}

/* More than the kernel lists at once. */
static void all_of_many_vms_are_told(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autoptr(VMStore) store = test_store(dir);
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(Pin) pin = test_pin(root, test_pin_kind("stateless"), NULL);
    g_autoptr(GPtrArray) pins = g_ptr_array_new_with_free_func((GDestroyNotify)pin_unref);
    g_autofree char *padding = g_strnfill(150, 'x');

    for (guint i = 0; i < 30; i++) {
        g_autofree char *id = g_strdup_printf("%u%s", i, padding);

        add_vm(store, pin, id);
    }
    g_assert_true(vmstore_load(store, keep_pin, pins, NULL));
    g_assert_cmpuint(pins->len, ==, 30);
}

static void equal_descriptors_are_shared(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autoptr(VMStore) store = test_store(dir);
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(Pin) pin = test_pin(root, test_pin_kind("stateless"), NULL);
    g_autoptr(Pin) other = test_pin(root, test_pin_kind("split"), NULL);
    g_autoptr(GPtrArray) pins = g_ptr_array_new_with_free_func((GDestroyNotify)pin_unref);

    add_vm(store, pin, "a");
    add_vm(store, other, "b");
    add_vm(store, pin, "c");
    g_assert_true(vmstore_load(store, keep_pin, pins, NULL));
    g_assert_cmpuint(pins->len, ==, 3);
    for (guint i = 0; i < 3; i++) {
        const Descriptor *a = ((const Pin *)pins->pdata[i])->resolution->descriptor;
        const Descriptor *b = ((const Pin *)pins->pdata[(i + 1) % 3])->resolution->descriptor;

        g_assert_cmpint(a == b, ==, g_bytes_equal(a->document, b->document));
    }
}

/* What begins with ".new-" is what a crash left, and goes; nothing else goes. */
static void what_a_crash_left_is_swept(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autoptr(VMStore) store = test_store(dir);
    g_autofree char *empty = NULL;
    g_autofree char *full = NULL;
    g_autofree char *hidden = NULL;

    test_make_vm(store, "a", "x");
    empty = make_vm_directory(store, ".new-0123456789abcdef");
    full = make_vm_directory(store, ".new-");
    hidden = make_vm_directory(store, ".other");
    test_write_text(full, "nvram.raw", "x");
    test_write_text(full, "pin.json", "x");
    test_write_text(full, ".raw", "x");
    assert_loaded(store, "@ a split");
    test_assert_entries(store, NULL, ".other, a");
}

/* A crash leaves a staging directory with links to foreign files. What has no other name stays. */
static void no_foreign_file_is_swept(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autoptr(VMStore) store = test_store(dir);
    g_autofree char *linked = NULL;
    g_autofree char *alone = NULL;
    g_autofree char *deep = NULL;

    test_make_vm(store, "a", "x");
    overwrite(store, "a", "copy_VARS.fd", "foreign");
    linked = make_vm_directory(store, ".new-0");
    alone = make_vm_directory(store, ".new-1");
    deep = make_vm_directory(store, ".new-2");
    {
        g_autofree char *from = vmstore_path(store, test_owner(), "a", "copy_VARS.fd");
        g_autofree char *to = g_build_filename(linked, "copy_VARS.fd", NULL);

        g_assert_no_errno(link(from, to));
    }
    test_write_text(alone, "nvram.raw", "x");
    test_write_text(alone, "copy_VARS.fd", "x");
    g_free(test_mkdir(deep, "directory"));
    assert_loaded(store, "@ a split");
    test_assert_entries(store, NULL, ".new-1, .new-2, a");
    test_assert_entries(store, ".new-1", "copy_VARS.fd");
    test_assert_content(store, "a", "copy_VARS.fd", "foreign");
}

static void a_draft_that_was_published_is_not_swept(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autoptr(VMStore) store = test_store(dir);
    g_auto(FileFd) vm = FILE_FD_NONE;
    g_autoptr(VMDraft) draft = NULL;

    test_make_vm(store, "a", "x");
    vm = test_open_vm(store, "a");
    draft = test_draft(store);
    test_draft_give(draft, "n", "nvram.raw", "new");
    g_assert_true(vmdraft_keep(draft, vm, "pin.json", "pin.json", NULL));
    g_assert_true(vmdraft_replace(draft, vm, "a", NULL, NULL));
    /* killed here: what the VM was is still there, under the draft's name */
    assert_loaded(store, "@ a split");
    test_assert_entries(store, NULL, "a");
    test_assert_content(store, "a", "nvram.raw", "new");
}

/* It may hold what is under its id no more. */
static void nothing_is_swept_beside_a_record_that_cannot_be_read(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autoptr(VMStore) store = test_store(dir);
    g_autofree char *draft = NULL;

    test_make_vm(store, "a", "x");
    overwrite(store, "a", "pin.json", "");
    draft = make_vm_directory(store, ".new-0");
    assert_loaded(store, "@ a empty");
    test_assert_entries(store, NULL, ".new-0, a");
    g_assert_true(vmstore_remove(store, test_owner(), "a", NULL, NULL, NULL));
    assert_loaded(store, "");
    test_assert_entries(store, NULL, "");
}

/* -- records that cannot be read --------------------------------------------------------- */

static void broken_records_are_told_and_touch_no_other(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autoptr(VMStore) store = test_store(dir);
    g_autofree char *large = g_strnfill(PIN_MAX_SIZE + 1, ' ');
    g_autofree char *no_pin = NULL;
    g_autofree char *file = vmstore_path(store, test_owner(), ".", "f");

    test_make_vm(store, "a", "x");
    test_make_vm(store, "b", "x");
    test_make_vm(store, "c", "x");
    test_make_vm(store, "d", "x");
    overwrite(store, "b", "pin.json", "{\"version\": 2}");
    overwrite(store, "c", "pin.json", "{\"version\": 1}");
    overwrite(store, "d", "pin.json", large);
    no_pin = make_vm_directory(store, "e");
    g_assert_true(g_file_set_contents(file, "", 0, NULL));
    assert_loaded(
            store,
            "@ a split, "
            "@ b version 2 of the record is none that this service knows, "
            "@ c member \"created\" is missing or wrong, "
            "@ d pin.json: File too large, "
            "@ e pin.json: No such file or directory, "
            "@ f pin.json: Not a directory");
    /* nothing is lost by it */
    test_assert_content(store, "d", "nvram.raw", "x");
}

static void a_record_is_a_file(void) {
    g_autoptr(TestDir) dir = test_dir_new();
    g_autoptr(VMStore) store = test_store(dir);
    g_autofree char *a = NULL;
    g_autofree char *b = NULL;
    g_autofree char *c = NULL;
    g_autofree char *fifo = NULL;
    g_autofree char *target = NULL;

    test_make_vm(store, "z", "x");
    a = make_vm_directory(store, "a");
    b = make_vm_directory(store, "b");
    c = make_vm_directory(store, "c");
    target = vmstore_path(store, test_owner(), "z", "pin.json");
    test_link(a, "pin.json", target);
    fifo = g_build_filename(b, "pin.json", NULL);
    g_assert_no_errno(mkfifo(fifo, 0600));
    g_free(test_mkdir(c, "pin.json"));
    assert_loaded(
            store,
            "@ a pin.json: Too many levels of symbolic links, "
            "@ b pin.json: Operation not supported, "
            "@ c pin.json: Operation not supported, "
            "@ z split");
}

/* -- what is not a VM -------------------------------------------------------------------- */

static void other_files_are_passed_over(void) {
    static const char *const names[] = {"root", "-1", "1x", "4294967295", "99999999999", "0x1", ""};
    g_autoptr(TestDir) dir = test_dir_new();
    g_autoptr(VMStore) store = test_store(dir);
    g_autofree char *vms = g_build_filename(dir, "vms", NULL);
    g_autofree char *owner = vmstore_path(store, test_owner(), ".", "");
    g_autofree char *bad = NULL;

    test_make_vm(store, "a", "x");
    for (gsize i = 0; names[i][0]; i++) {
        g_autofree char *path = test_mkdir(vms, names[i]);

        g_free(test_mkdir(path, "a"));
    }
    test_write_text(vms, "12345", "");
    test_link(vms, "12346", owner);
    bad = make_vm_directory(store, "\xff");
    assert_loaded(store, "@ a split");
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(an_empty_store_has_no_vms),
            TEST_CASE(vms_are_there_after_a_restart),
            TEST_CASE(vms_of_all_owners_are_told),
            TEST_CASE(all_of_many_vms_are_told),
            TEST_CASE(equal_descriptors_are_shared),
            TEST_CASE(what_a_crash_left_is_swept),
            TEST_CASE(no_foreign_file_is_swept),
            TEST_CASE(a_draft_that_was_published_is_not_swept),
            TEST_CASE(nothing_is_swept_beside_a_record_that_cannot_be_read),
            TEST_CASE(broken_records_are_told_and_touch_no_other),
            TEST_CASE(a_record_is_a_file),
            TEST_CASE(other_files_are_passed_over),
    };

    return test_main(argc, argv, "vmstore-load", cases, G_N_ELEMENTS(cases));
}
