/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "uefi/efi.h"

/*
 * A UEFI variable store as it was read: its live variables and its health. Reading never fails: for
 * any bytes, the result is a Store whose health reports the fault.
 */

typedef enum StoreKind {
    STORE_KIND_UNKNOWN,
    STORE_KIND_BLANK,      /* no bytes, all zeros or all ones: unformatted */
    STORE_KIND_EDK2,       /* a flash volume of edk2 with authenticated records */
    STORE_KIND_EDK2_PLAIN, /* the same with older builds' records, without authentication */
    STORE_KIND_QEMU_JSON,  /* the file of QEMU's uefi-vars device */
} StoreKind;
const char *store_kind_to_string(StoreKind kind);

/* From good to bad: if two apply, a store has the later one. */
typedef enum StoreHealth {
    STORE_HEALTH_OK,
    STORE_HEALTH_TORN,       /* a record is incomplete; the other variables were read */
    STORE_HEALTH_PENDING,    /* a fault-tolerant write is incomplete; its spare copy was read */
    STORE_HEALTH_DAMAGED,    /* a header is wrong */
    STORE_HEALTH_TRUNCATED,  /* the file ends before the end of the store */
    STORE_HEALTH_EMPTY,      /* unformatted */
    STORE_HEALTH_UNREADABLE, /* set by callers: the bytes could not be read */
} StoreHealth;
const char *store_health_to_string(StoreHealth health);

typedef struct StoreVariable {
    EfiGuid guid;
    char *name; /* as text; the identity of a variable is its GUID and its name */
    guint32 attributes;
    guint8 time[EFI_TIME_SIZE]; /* zeros where the format has none */
    GBytes *data;
    GBytes *origin;      /* as it was read: its record, or its object as JSON; NULL: it is new */
    gboolean is_changed; /* since it was read */
} StoreVariable;

typedef struct Store {
    StoreKind kind;
    StoreHealth health;
    char *detail;         /* the fault and its byte offset; NULL for STORE_HEALTH_OK */
    gboolean is_readable; /* FALSE: VARIABLES is empty because nothing could be read */
    GPtrArray *variables; /* of StoreVariable: live variables, in the order of the store */
    guint64 size;         /* bytes of the file as the guest sees it */
    GBytes *bytes;        /* the store itself, without the flash image's bytes behind it */
    /* Bytes of records: live, dead, and not yet used. All 0 if not readable. */
    gsize live, dead, free;
    /* Limits of one variable, with header and name: authenticated, and other. */
    gsize largest, largest_plain;
    gsize record_header; /* bytes of a record without name and data */
} Store;

/* No store extends further into its file: callers read at most this many bytes. */
#define STORE_MAX_LENGTH 0xc0000

/* HEAD has the first min(SIZE, STORE_MAX_LENGTH) bytes of a flash image; SIZE is the size that the
 * guest sees. */
Store *store_read_flash(GBytes *head, guint64 size) G_GNUC_WARN_UNUSED_RESULT;

/* JSON is a whole file; the caller limits its size. */
Store *store_read_json(GBytes *json) G_GNUC_WARN_UNUSED_RESULT;

/* Returns the bytes of a store in flash with its pending write completed, or NULL if none is
 * pending. BYTES are those of a Store. */
GBytes *store_complete_write(GBytes *bytes) G_GNUC_WARN_UNUSED_RESULT;

void store_free(Store *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Store, store_free)

/* Returns NULL if there is no such variable. */
const StoreVariable *store_find(const Store *store, const EfiGuid *guid, const char *name);

/* For the readers. store_set_health() changes nothing if the store's health is as bad or worse. */
Store *store_new(StoreKind kind) G_GNUC_WARN_UNUSED_RESULT;
void store_set_health(Store *store, StoreHealth health, const char *format, ...)
        G_GNUC_PRINTF(3, 4);
void store_variable_free(StoreVariable *variable);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StoreVariable, store_variable_free)
