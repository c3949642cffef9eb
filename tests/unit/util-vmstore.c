/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "util-vmstore.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

uid_t test_owner(void) {
    return geteuid();
}

VMStore *test_store(const char *directory) {
    g_autoptr(GError) error = NULL;
    VMStore *store = vmstore_open(directory, &error);

    g_assert_no_error(error);
    g_assert_nonnull(store);
    return store;
}

VMDraft *test_draft(VMStore *store) {
    g_autoptr(GError) error = NULL;
    VMDraft *draft = vmdraft_new(store, test_owner(), NULL, &error);

    g_assert_no_error(error);
    g_assert_nonnull(draft);
    return draft;
}

char *test_draft_path(const VMDraft *draft, const char *name) {
    g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", vmdraft_get_fd(draft));
    g_autofree char *directory = g_file_read_link(link, NULL);

    g_assert_nonnull(directory);
    return g_build_filename(directory, name, NULL);
}

void test_draft_file(VMDraft *draft, const char *name, const char *text) {
    g_autoptr(GError) error = NULL;
    g_auto(FileFd) fd = FILE_FD_NONE;

    g_assert_true(vmdraft_create(draft, name, &fd, &error));
    g_assert_no_error(error);
    g_assert_cmpint(write(fd, text, strlen(text)), ==, (gssize)strlen(text));
}

void test_draft_give(VMDraft *draft, const char *name, const char *final_name, const char *text) {
    g_autoptr(GError) error = NULL;

    test_draft_file(draft, name, text);
    g_assert_true(vmdraft_give(draft, name, final_name, &error));
    g_assert_no_error(error);
}

void test_make_vm(VMStore *store, const char *id, const char *text) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(Pin) pin = test_pin(root, test_pin_kind("split"), NULL);
    g_autoptr(VMDraft) draft = test_draft(store);
    g_autoptr(GError) error = NULL;

    test_draft_give(draft, "scratch", "nvram.raw", text);
    g_assert_true(vmdraft_write_pin(draft, pin, &error));
    g_assert_true(vmdraft_publish(draft, id, &error));
    g_assert_no_error(error);
}

FileFd test_open_vm(VMStore *store, const char *id) {
    FileFd fd = FILE_FD_NONE;

    g_assert_cmpint(vmstore_open_vm(store, test_owner(), id, &fd), ==, 0);
    return fd;
}

guint64 test_inode(VMStore *store, const char *id, const char *file) {
    g_autofree char *path = vmstore_path(store, test_owner(), id, file);
    struct stat st;

    g_assert_no_errno(lstat(path, &st));
    return st.st_ino;
}

void test_assert_content(VMStore *store, const char *id, const char *file, const char *text) {
    g_autofree char *path = vmstore_path(store, test_owner(), id, file);
    g_autofree char *content = NULL;
    g_autoptr(GError) error = NULL;

    g_file_get_contents(path, &content, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(content, ==, text);
}

static int compare_names(gconstpointer a, gconstpointer b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void test_assert_entries(VMStore *store, const char *id, const char *expected) {
    g_autofree char *path = vmstore_path(store, test_owner(), id ? id : ".", ".");
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    g_assert_nonnull(dir);
    while ((name = g_dir_read_name(dir)))
        g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, compare_names);
    test_assert_joined_array(names, expected);
}

void test_assert_mode(const char *path, guint mode) {
    struct stat st;

    g_assert_no_errno(lstat(path, &st));
    g_assert_cmpuint(st.st_mode, ==, mode);
}

OneVM test_one_vm(void) {
    OneVM f = {.dir = test_dir_new()};

    f.store = test_store(f.dir);
    test_make_vm(f.store, "a", "old");
    f.vm = test_open_vm(f.store, "a");
    return f;
}

void test_one_vm_clear(OneVM *f) {
    file_fd_close(f->vm);
    vmstore_free(f->store);
    test_dir_free(f->dir);
}
