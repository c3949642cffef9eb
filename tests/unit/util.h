/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/descriptor.h"
#include "core/machine.h"

/*
 * What the unit tests share: a main(), directories that go away again, and descriptors that are
 * written down as what is special about them. Everything here ends the test where it fails.
 */

typedef struct TestCase {
    const char *name;
    void (*run)(void);
} TestCase;

#define TEST_CASE(function) {#function, function}

/* Runs CASES as tests of MODULE, and one more: that the process maps no libsystemd. */
int test_main(int argc, char **argv, const char *module, const TestCase *cases, gsize n_cases);

/* The path of a directory that is removed with all that is in it when the variable goes. */
typedef char TestDir;
TestDir *test_dir_new(void) G_GNUC_WARN_UNUSED_RESULT;
void test_dir_free(TestDir *dir);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TestDir, test_dir_free)

/* Each makes something in DIR. */
void test_write(const char *dir, const char *name, gconstpointer data, gsize size);
void test_write_text(const char *dir, const char *name, const char *text);
/* A sparse file that is not blank. */
void test_write_sparse(const char *dir, const char *name, guint64 size);
void test_link(const char *dir, const char *name, const char *target);
char *test_mkdir(const char *dir, const char *name) G_GNUC_WARN_UNUSED_RESULT;

/* A qcow2 header of 104 bytes, version 3, with 64 KiB clusters and this virtual size. */
#define TEST_QCOW2_SIZE 104
void test_qcow2_header(guint8 *ret_header, guint64 virtual_size);

/* TEXT with each ' as ", for JSON in C literals. */
char *test_quote(const char *text) G_GNUC_WARN_UNUSED_RESULT;

/* A descriptor's document: a valid one for a split flash firmware on x86_64 pc-q35-*, with other
 * values of members at the top: pairs of name and JSON text (with ' for "), up to a NULL name; a
 * NULL value leaves the member out. A member that a descriptor need not have is added. */
char *test_document(const char *member, ...) G_GNUC_WARN_UNUSED_RESULT;
char *test_document_v(const char *member, va_list list) G_GNUC_WARN_UNUSED_RESULT;

/* What DOCUMENT says, which is valid. */
Descriptor *test_parse(const char *document) G_GNUC_WARN_UNUSED_RESULT;
/* Why it is refused. */
char *test_parse_fault(const char *document, gsize size) G_GNUC_WARN_UNUSED_RESULT;
void test_assert_refused(const char *document, const char *reason);

/* The table that the project ships, without any problem. */
MachineTable *test_shipped_machines(void) G_GNUC_WARN_UNUSED_RESULT;

/* What reads files returns NULL and sets FIRMWARE_ERROR_IO if the system has no file descriptor
 * left at its first visit of a path, at its second, and so on; what LOAD returns goes to FREE.
 * Without file descriptors, nothing can be said about any file. */
typedef gpointer (*TestLoad)(const FileVisitor *visitor, gconstpointer userdata, GError **error);
void test_fail_at_each_visit(TestLoad load, GDestroyNotify free, gconstpointer userdata);

/* The strings of ACTUAL, joined by ", ". */
void test_assert_joined(char **actual, const char *expected);
void test_assert_joined_array(const GPtrArray *actual, const char *expected);
