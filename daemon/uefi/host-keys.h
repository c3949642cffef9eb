/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "uefi/known-certificates.h"
#include "uefi/store.h"

/*
 * The keys of this host, which each new store with Secure Boot gets: the files below the
 * directories PK, KEK, db and dbx of one directory, as DER, PEM or signature lists.
 */

/* Immutable after loading; reference-counted, and shared between threads. */
typedef struct HostKeys HostKeys;

/* Reads the files in the order of their names. Adds the fault of a file to PROBLEMS (of
 * ConfProblem), and ignores that file. REPLACES_PLATFORM_KEY: also where a store has a PK. Returns
 * NULL if the system failed: FIRMWARE_ERROR_IO. */
HostKeys *host_keys_load(
        const char *directory, gboolean replaces_platform_key, const FileVisitor *visitor,
        GPtrArray *problems, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Returns none. */
HostKeys *host_keys_new(void) G_GNUC_WARN_UNUSED_RESULT;
HostKeys *host_keys_ref(HostKeys *keys);
void host_keys_unref(HostKeys *keys);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HostKeys, host_keys_unref)

gboolean host_keys_equal(const HostKeys *a, const HostKeys *b);
gboolean host_keys_are_none(const HostKeys *keys);

/* Returns TRUE if KEK or db of the keys has the certificate: a name of KNOWN, or a SHA-256 in
 * hexadecimal digits. */
gboolean host_keys_have_certificate(
        const HostKeys *keys, const KnownCertificates *known, const char *certificate);

/* Adds the keys that are not there yet to STORE, which is sound, and their SHA-256 to DIGESTS (of
 * char*). An error names the file; FIRMWARE_ERROR_LIMITS_EXCEEDED: it does not fit. */
gboolean host_keys_apply(
        const HostKeys *keys, const KnownCertificates *known, Store *store, GPtrArray *digests,
        GError **error) G_GNUC_WARN_UNUSED_RESULT;
