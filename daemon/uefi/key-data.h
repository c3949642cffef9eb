/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "uefi/siglist.h"

/*
 * The data that a caller or an administrator enrols: certificates as DER or PEM, signature lists,
 * or a signed update of a variable, whose header is stripped.
 */

/* Bytes. */
#define KEY_DATA_MAX_SIZE (1024 * 1024)

/* OWNER of certificates outside of signature lists: Microsoft's for its own, else edk2's. */
extern const EfiGuid key_data_microsoft_guid;
extern const EfiGuid key_data_default_guid;

/* Returns the entries (of SiglistEntry), at least one, each acceptable for the firmware. Entries of
 * signature lists keep their owner, others get OWNER. Returns NULL with FIRMWARE_ERROR_INVALID_ARGS
 * if DATA is none of these formats. */
GPtrArray *key_data_read(GBytes *data, const EfiGuid *owner, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
