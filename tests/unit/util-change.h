/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/error.h"
#include "uefi/change-apply.h"

/* Changes of a store in memory, and the certificates that they enrol. */

typedef struct TestChange {
    Store *store;
    KnownCertificates *known;
    GHashTable *templates;
    GVariantBuilder changes;
} TestChange;

void test_change_clear(TestChange *f);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TestChange, test_change_clear)

/* Certificates, made once and named by a letter. Known ones, of the generation microsoft-2030, are
 * k (KEK), w (Windows), u (third parties) and o (option ROMs); p is a platform key. */
GBytes *test_change_certificate(char name);
char *test_change_digest(char name) G_GNUC_WARN_UNUSED_RESULT;
/* Signature lists of b, and of two hashes that begin with 1 and 2. */
GByteArray *test_change_lists(void) G_GNUC_WARN_UNUSED_RESULT;

/* Takes STORE over. The certificates PRESENT, by their letters, are on the host. */
void test_change_begin(TestChange *f, Store *store, const char *present);
/* A store with the platform key p, a in KEK and db, and Secure Boot on. */
void test_change_begin_enrolled(TestChange *f, const char *present);

/* Adds a change: a dictionary in GVariant's notation, and its data or NULL. */
void test_change_add(TestChange *f, const char *text, GBytes *data);
/* Adds one that enrols a certificate. */
void test_change_put_key(TestChange *f, const char *into, char name);

/* Applies the changes that were added. */
ChangeResult *test_change_apply(TestChange *f) G_GNUC_WARN_UNUSED_RESULT;
/* They fail with an error whose text has TEXT. */
void test_change_fail(TestChange *f, FirmwareError code, const char *text);

const StoreVariable *test_change_find(const TestChange *f, const char *guid, const char *name);
/* The certificates of PK, KEK, db or dbx by their letters, and hashes as #; NULL: there is no such
 * variable. */
void test_change_assert_keys(const TestChange *f, const char *name, const char *expected);
