/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "uefi/report.h"

/*
 * The part of a report that the service keeps: what the properties and the choice need. Immutable,
 * reference-counted, and shared between threads.
 */

typedef struct StoreSummary {
    StoreKind kind;
    StoreHealth health;
    char *detail; /* NULL for STORE_HEALTH_OK */
    gboolean is_readable;

    /* if readable: */
    SecureBoot secure_boot;
    char *generations[CERTIFICATE_N_PURPOSES - 1];
    gint64 expires;
    GStrv digests; /* SHA-256 of the certificates in KEK and db */
} StoreSummary;

/* Stores with the same keys share one: to parse the certificates takes longer than all else. */
StoreSummary *store_summary_new(const Store *store, const KnownCertificates *known)
        G_GNUC_WARN_UNUSED_RESULT;
StoreSummary *store_summary_ref(StoreSummary *summary);
void store_summary_unref(StoreSummary *summary);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StoreSummary, store_summary_unref)

/* Either may be NULL. */
gboolean store_summary_equal(const StoreSummary *a, const StoreSummary *b);

/* The same for the property Certificates alone. */
gboolean store_summary_same_generations(const StoreSummary *a, const StoreSummary *b);

/* Returns TRUE if the store has a platform key. SUMMARY may be NULL. */
gboolean store_summary_has_platform_key(const StoreSummary *summary);

/* Returns TRUE if KEK or db has the certificate: a name of KNOWN, or a SHA-256 in hexadecimal
 * digits. SUMMARY may be NULL, and has none then. */
gboolean store_summary_has_certificate(
        const StoreSummary *summary, const KnownCertificates *known, const char *certificate);

/* Returns the date on which the first certificates of an enforcing store expired; NULL: Secure Boot
 * is not enforced, or none has expired by NOW, in seconds since the epoch. SUMMARY may be NULL. */
char *store_summary_find_expired(const StoreSummary *summary, gint64 now) G_GNUC_WARN_UNUSED_RESULT;

/* The values of the properties SecureBoot, Certificates, Expires and Health. SUMMARY may be NULL:
 * there is no store, or it has not been read yet. HAS_SECURE_BOOT: the firmware supports it. */
const char *store_summary_get_secure_boot(const StoreSummary *summary, gboolean has_secure_boot);
char *const *store_summary_get_generations(const StoreSummary *summary);
gint64 store_summary_get_expires(const StoreSummary *summary);
const char *store_summary_get_health(const StoreSummary *summary);
