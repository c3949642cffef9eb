/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "uefi/efi.h"

/*
 * A UEFI variable store as it was read: which variables are live, and how sound the store is.
 * Reading never fails: whatever the bytes are, the answer is a Store whose health says what is
 * wrong.
 */

typedef enum StoreKind {
    STORE_KIND_UNKNOWN,
    STORE_KIND_BLANK,      /* nothing, all zeros or all ones: nobody has formatted it yet */
    STORE_KIND_EDK2,       /* a flash volume of edk2 with authenticated records */
    STORE_KIND_EDK2_PLAIN, /* the same with the records of old builds, without authentication */
    STORE_KIND_QEMU_JSON,  /* the file of QEMU's uefi-vars device */
} StoreKind;
const char *store_kind_to_string(StoreKind kind);

/* From good to bad: of two states a store has the later one. */
typedef enum StoreHealth {
    STORE_HEALTH_OK,
    STORE_HEALTH_TORN,       /* a record is incomplete; the other variables were read */
    STORE_HEALTH_PENDING,    /* a fault-tolerant write is half done; its spare copy was read */
    STORE_HEALTH_DAMAGED,    /* a header is wrong */
    STORE_HEALTH_TRUNCATED,  /* the file ends before the store does */
    STORE_HEALTH_EMPTY,      /* nobody has formatted it yet */
    STORE_HEALTH_UNREADABLE, /* for callers: the bytes could not be had */
} StoreHealth;
const char *store_health_to_string(StoreHealth health);

typedef struct StoreVariable {
    EfiGuid guid;
    char *name; /* as text; the identity of a variable is its GUID and its name */
    guint32 attributes;
    guint8 time[EFI_TIME_SIZE]; /* zeros where the format has none */
    GBytes *data;
} StoreVariable;

typedef struct Store {
    StoreKind kind;
    StoreHealth health;
    char *detail;         /* what is wrong and at which byte; NULL for STORE_HEALTH_OK */
    gboolean is_readable; /* FALSE: VARIABLES is empty because nothing could be read */
    GPtrArray *variables; /* of StoreVariable: the live ones, in the order of the store */
    guint64 size;         /* bytes of the file, as the guest sees them */
    GBytes *bytes;        /* the store as it is, without what a flash image has behind it */
    /* Bytes of records: live, of no use any more, and not yet used. All 0 where not readable. */
    gsize live, dead, free;
    gsize largest;       /* how large one authenticated variable can be, with header and name */
    gsize record_header; /* bytes of a record without name and data */
} Store;

/* No store reaches further into its file: callers read this much at most. */
#define STORE_MAX_LENGTH 0xc0000

/* HEAD: the first bytes of a flash image, min(SIZE, STORE_MAX_LENGTH) of them; SIZE: all that the
 * guest sees of it. */
Store *store_read_flash(GBytes *head, guint64 size) G_GNUC_WARN_UNUSED_RESULT;

/* All of a JSON store. Its size is the caller's to limit. */
Store *store_read_json(GBytes *json) G_GNUC_WARN_UNUSED_RESULT;

void store_free(Store *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Store, store_free)

/* NULL: there is none. */
const StoreVariable *store_find(const Store *store, const EfiGuid *guid, const char *name);

/* For the readers. store_set_health() changes nothing where the store's health is as bad already.
 */
Store *store_new(StoreKind kind) G_GNUC_WARN_UNUSED_RESULT;
void store_set_health(Store *store, StoreHealth health, const char *format, ...)
        G_GNUC_PRINTF(3, 4);
void store_variable_free(StoreVariable *variable);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StoreVariable, store_variable_free)
