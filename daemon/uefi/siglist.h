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

/* One entry; DATA has SIZE bytes, without the owner in front. */
typedef void (*SiglistFunc)(
        SiglistType type, const EfiGuid *owner, const guint8 *data, gsize size, gpointer userdata);

/* Calls FUNC for each entry of BYTES, up to the first malformed list. Returns the offset of that
 * list, or SIZE if there is none. */
gsize siglist_visit(const guint8 *bytes, gsize size, SiglistFunc func, gpointer userdata);
