/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/sink.h"
#include "uefi/change.h"
#include "uefi/known-certificates.h"
#include "uefi/store.h"

/* Changes a store in memory, as pure functions: all changes or none. */

/* What changes name besides their own data. */
typedef struct ChangeSources {
    const KnownCertificates *known;
    GHashTable *templates; /* name of a firmware -> Store of its template */
} ChangeSources;

/* What was done to one variable. */
typedef struct ChangeNote {
    EfiGuid guid;
    char *name;
    gsize before, after; /* bytes of data; 0: there is no such variable */
    GString *what;
} ChangeNote;

typedef struct ChangeResult {
    GPtrArray *notes;   /* of ChangeNote: variables that differ */
    GPtrArray *missing; /* names of known certificates that are not on the host, and not required */
    gboolean pcr7;      /* the firmware will measure another value into PCR 7 */
} ChangeResult;

void change_result_free(ChangeResult *result);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ChangeResult, change_result_free)

/* STORE is sound (store_new_writable()) and is changed; after an error its content is undefined.
 * Errors: FIRMWARE_ERROR_INVALID_ARGS, _NO_SUCH_VARIABLE, _NOT_SUPPORTED (a certificate or a
 * template is not on this host), _IMAGE_UNUSABLE (a signature list of the store is malformed). */
ChangeResult *changes_apply(
        Store *store, const GPtrArray *changes, const ChangeSources *sources, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* Writes the entries changes, pcr7 and missing of an a{sv}. */
void change_result_write(const ChangeResult *result, Sink *sink);
