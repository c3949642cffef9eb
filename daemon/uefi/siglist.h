/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "uefi/efi.h"

/*
 * The content of PK, KEK, db and dbx: lists of signatures, EFI_SIGNATURE_LIST in the UEFI
 * specification, section 32.4.1.
 */

#define SIGLIST_HEADER_SIZE 28
/* An entry of a list of SHA-256 hashes: owner and hash. */
#define SIGLIST_HASH_SIZE 48

typedef enum SiglistType {
    SIGLIST_OTHER, /* hashes of other kinds, keys, certificates' hashes */
    SIGLIST_X509,
    SIGLIST_SHA256,
    SIGLIST_EXTERNAL_MANAGEMENT, /* a PK without a certificate: Secure Boot is managed externally */
} SiglistType;

/* Returns the type of a list with this GUID. */
SiglistType siglist_find_type(const EfiGuid *guid);
extern const EfiGuid siglist_x509_guid;

/* One entry; DATA has SIZE bytes, without the owner in front. */
typedef void (*SiglistFunc)(
        SiglistType type, const EfiGuid *owner, const guint8 *data, gsize size, gpointer userdata);

/* Calls FUNC for each entry of BYTES, up to the first malformed list. Returns the offset of that
 * list, or SIZE if there is none. */
gsize siglist_visit(const guint8 *bytes, gsize size, SiglistFunc func, gpointer userdata);

/* An entry with its list's type. */
typedef struct SiglistEntry {
    EfiGuid type;
    EfiGuid owner;
    GBytes *data; /* without the owner */
} SiglistEntry;

SiglistEntry *siglist_entry_new(const EfiGuid *type, const EfiGuid *owner, GBytes *data)
        G_GNUC_WARN_UNUSED_RESULT;
void siglist_entry_free(SiglistEntry *entry);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SiglistEntry, siglist_entry_free)

/* Returns all entries (of SiglistEntry) of BYTES, or NULL with the offset of a list in
 * *RET_OFFSET that is malformed, or that no firmware accepts. */
GPtrArray *siglist_read(GBytes *bytes, gsize *ret_offset) G_GNUC_WARN_UNUSED_RESULT;

/* Returns the lists of ENTRIES: a list for each certificate, and one for adjacent entries of
 * another type and size. NULL if there are none. */
GBytes *siglist_write(const GPtrArray *entries) G_GNUC_WARN_UNUSED_RESULT;

/* Returns the SHA-256 of a certificate, or a hash itself, in hexadecimal digits. */
char *siglist_entry_get_digest(const SiglistEntry *entry) G_GNUC_WARN_UNUSED_RESULT;

/* Returns why the firmware would reject ENTRY (AuthVariableLib's CheckSignatureListFormat()): a
 * static text, or NULL. */
const char *siglist_entry_get_fault(const SiglistEntry *entry);
