/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util-pin.h"
#include "vm/vmdraft.h"

/* An owner that whoever runs the tests can give files to: himself. */
uid_t test_owner(void);
/* Of VMs that only root can make: their owner is in no user database. */
#define TEST_UNKNOWN_UID 3999999999u

VMStore *test_store(const char *directory) G_GNUC_WARN_UNUSED_RESULT;
VMDraft *test_draft(VMStore *store) G_GNUC_WARN_UNUSED_RESULT;

/* Where a file of the draft is, or will be. */
char *test_draft_path(const VMDraft *draft, const char *name) G_GNUC_WARN_UNUSED_RESULT;

/* A file of the draft, and given to the owner under FINAL_NAME. */
void test_draft_file(VMDraft *draft, const char *name, const char *text);
void test_draft_give(VMDraft *draft, const char *name, const char *final_name, const char *text);

/* A VM of test_owner() with nvram.raw that holds TEXT, and a pin to a split firmware. */
void test_make_vm(VMStore *store, const char *id, const char *text);

FileFd test_open_vm(VMStore *store, const char *id) G_GNUC_WARN_UNUSED_RESULT;
/* The inode, and what is in a VM's file; it is there. */
guint64 test_inode(VMStore *store, const char *id, const char *file);
void test_assert_content(VMStore *store, const char *id, const char *file, const char *text);

/* The names in the owner's directory, or in the VM's where ID is not NULL, sorted. */
void test_assert_entries(VMStore *store, const char *id, const char *expected);

/* Mode and type of the file at PATH, itself no link. */
void test_assert_mode(const char *path, guint mode);

/* A new directory, and one VM "a" in a store in it, whose NVRAM is "old". */
typedef struct OneVM {
    TestDir *dir;
    VMStore *store;
    FileFd vm;
} OneVM;

OneVM test_one_vm(void) G_GNUC_WARN_UNUSED_RESULT;
void test_one_vm_clear(OneVM *f);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OneVM, test_one_vm_clear)
