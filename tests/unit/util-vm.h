/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util-vmstore.h"
#include "vm/vm-op.h"

/* A host with firmware and a store, and one operation on a VM of test_owner() with the id "a". */
typedef struct TestVM {
    TestDir *root; /* of the firmware: see test_layers_new() */
    TestDir *state;
    VMStore *store;
    DigestCache *digests;
    VMOp op;
} TestVM;

/* The firmware is what was described in ROOT, which is taken. */
TestVM test_vm_new(TestDir *root) G_GNUC_WARN_UNUSED_RESULT;
/* The VM "a" has been prepared, with variables that ROOT's vars.fd is the template of. */
TestVM test_vm_new_prepared(TestDir *root) G_GNUC_WARN_UNUSED_RESULT;
void test_vm_clear(TestVM *f);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TestVM, test_vm_clear)

/* Reads the descriptors again. */
void test_vm_reload(TestVM *f);

/* What the next operation is asked for, with the pin that is in force; ARCHITECTURE and MACHINE are
 * NULL where the call has none. */
void test_vm_ask(TestVM *f, RequestCall call, const char *architecture, const char *machine);
void test_vm_set(TestVM *f, const char *key, const char *value);
void test_vm_set_flag(TestVM *f, const char *key);

/* The pin in force, for the operations that follow; NULL: the VM is gone. */
void test_vm_set_pin(TestVM *f, const Pin *pin);

/* As ListBackups returns them: "3 import, 2 reset". */
void test_vm_assert_backups(TestVM *f, const char *expected);

/* A memfd as a caller sends it, SIZE bytes that begin with TEXT. */
FileFd test_memfd(const char *text, gsize size) G_GNUC_WARN_UNUSED_RESULT;
