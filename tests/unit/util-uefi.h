/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "uefi/store.h"
#include "uefi/volume.h"

/* edk2's flash stores, made by hand, and certificates. */

#define TEST_LENGTH_2M 0x20000
#define TEST_LENGTH_4M 0x84000
#define TEST_LENGTH_ARM 0xc0000

#define TEST_GLOBAL "8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define TEST_IMAGE_SECURITY "d719b2cb-3d3a-4596-a3bc-dad00e67656f"
#define TEST_SECURE_BOOT_ENABLE "f0a30bc7-af08-4556-99c4-001009c93a44"
#define TEST_OTHER "11111111-2222-3333-4444-555555555555"

#define TEST_ADDED 0x3f
#define TEST_REPLACED 0x3e

typedef struct TestStore {
    const VolumeLayout *layout;
    gboolean is_authenticated;
    guint8 *bytes; /* of the layout's length */
    guint32 end;   /* where the next record goes */
} TestStore;

/* Formatted and empty, with a fresh queue of fault-tolerant writes. */
TestStore *test_store_new(guint32 length, gboolean is_authenticated) G_GNUC_WARN_UNUSED_RESULT;
void test_store_free(TestStore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TestStore, test_store_free)

void test_store_set_u16(TestStore *store, guint32 offset, guint16 value);
void test_store_set_u32(TestStore *store, guint32 offset, guint32 value);
void test_store_set_u64(TestStore *store, guint32 offset, guint64 value);
void test_store_set_guid(TestStore *store, guint32 offset, const char *guid);
/* After a change of the volume header. */
void test_store_set_checksum(TestStore *store);

/* Returns the offset of the record. */
guint32 test_store_add(
        TestStore *store, guint8 state, const char *guid, const char *name, gconstpointer data,
        gsize size);

/* Which bits of a queue entry are set: a mask of them, as they would be if erased meant 0. */
#define TEST_QUEUE_ALLOCATED 3
#define TEST_QUEUE_COMPLETE 4
#define TEST_QUEUE_SPARE 2
#define TEST_QUEUE_DESTINATION 4
/* A write of SIZE bytes at OFFSET of block LBA: its header and its one record, with the bits set.
 * Returns where the record is. */
guint32 test_store_queue_write(
        TestStore *store, guint8 header_bits, guint8 record_bits, guint64 lba, guint64 offset,
        guint64 size);

Store *test_store_read(const TestStore *store) G_GNUC_WARN_UNUSED_RESULT;

/* The data of the variable as text, or NULL: there is none. */
char *test_store_lookup(const Store *store, const char *guid, const char *name)
        G_GNUC_WARN_UNUSED_RESULT;
