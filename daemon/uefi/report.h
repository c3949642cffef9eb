/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/sink.h"
#include "uefi/bootopt.h"
#include "uefi/certificate.h"
#include "uefi/known-certificates.h"
#include "uefi/store.h"

/* The meaning of a variable store for Secure Boot, for its certificates and for booting. */

typedef enum SecureBoot {
    SECURE_BOOT_NONE, /* not supported by the firmware; a store alone does not show this */
    SECURE_BOOT_SETUP,
    SECURE_BOOT_OFF,
    SECURE_BOOT_ENFORCED,
} SecureBoot;
const char *secure_boot_to_string(SecureBoot secure_boot);

/* Whether a guest can add a certificate to KEK by itself. */
typedef enum KekUpdate {
    KEK_UPDATE_UNKNOWN,
    KEK_UPDATE_NO,
    KEK_UPDATE_YES,
} KekUpdate;

/* A certificate of PK, KEK, db or dbx. */
typedef struct EnrolledCertificate {
    Certificate *certificate;
    EfiGuid owner;
    const KnownCertificate *known; /* or NULL */
} EnrolledCertificate;

typedef struct StoreReport {
    const Store *store;
    char *sha256;     /* of its bytes; NULL: store_report_add_digest() has not been called */
    gboolean is_live; /* a guest may be writing: the health is not reported */
    gboolean is_setup_mode;
    SecureBoot secure_boot;
    const char *secure_boot_reason;
    GPtrArray *platform_key, *key_exchange_keys, *signatures, *forbidden; /* EnrolledCertificate */
    guint forbidden_hashes, forbidden_room;
    /* By CertificatePurpose except platform: "2011", "2011+2023", "none". */
    char *generations[CERTIFICATE_N_PURPOSES - 1];
    gint64 expires; /* seconds since the epoch; 0: no certificate for any purpose */
    KekUpdate kek_update;
    GArray *boot_order;      /* of guint16 */
    GPtrArray *boot_entries; /* of BootEntry, by number */
} StoreReport;

/* STORE and KNOWN must outlive the report. IS_LIVE is FALSE; the firmware supports Secure Boot. */
StoreReport *store_report_new(const Store *store, const KnownCertificates *known)
        G_GNUC_WARN_UNUSED_RESULT;
void store_report_free(StoreReport *report);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StoreReport, store_report_free)

/* Of a report that is to be written: by the thread that makes it, because it needs GnuTLS. */
void store_report_add_digest(StoreReport *report);

/* The firmware of the store does not support Secure Boot. */
void store_report_deny_secure_boot(StoreReport *report);

/* Writes the a{ss} of a report's key certificates; NULL: an empty one. */
void store_report_write_generations(char *const *generations, Sink *sink);

/* Writes REPORT as an a{sv}, the keys of ReadVariables. FORMAT is the format of the file. For an
 * unreadable store, writes only the keys up to health-detail. WITH_LIST adds all variables. */
void store_report_write(
        const StoreReport *report, const char *format, gboolean with_list, Sink *sink);
