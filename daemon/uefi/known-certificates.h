/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/file.h"

/*
 * The certificates that this host knows by name, with their purposes. Each is a section in the
 * files of data/certificates and of the administrator, see vmfirmware-certificates(5).
 */

typedef enum CertificatePurpose {
    CERTIFICATE_PURPOSE_KEK,         /* in KEK: signs changes of db and dbx */
    CERTIFICATE_PURPOSE_WINDOWS,     /* in db: signs Windows' boot loaders */
    CERTIFICATE_PURPOSE_THIRD_PARTY, /* in db: signs other boot loaders, shim first */
    CERTIFICATE_PURPOSE_OPTION_ROM,  /* in db: signs drivers of cards */
    CERTIFICATE_PURPOSE_PLATFORM,    /* in PK */
} CertificatePurpose;
#define CERTIFICATE_N_PURPOSES 5
const char *certificate_purpose_to_string(CertificatePurpose purpose);

typedef struct KnownCertificate {
    char *name; /* name of the section, such as "microsoft-kek-2023" */
    char *sha256;
    CertificatePurpose purpose;
    char *authority;      /* its issuer in one word, such as "microsoft" */
    char *generation;     /* such as "2023"; NULL for a platform's certificate */
    gboolean updates_kek; /* for a platform's: its owner has signed an update of KEK */
} KnownCertificate;

/* Immutable after loading; reference-counted, and shared between threads. */
typedef struct KnownCertificates KnownCertificates;

/* Reads *.conf of DIRECTORIES, lowest layer first; a file overrides files of the same name in
 * earlier directories. Adds the faults of a file to PROBLEMS (of ConfProblem), and ignores all its
 * sections. Reads the certificates (DER, PEM) among the other files as well, whatever their names.
 * Returns NULL if the system failed: FIRMWARE_ERROR_IO. */
KnownCertificates *known_certificates_load(
        const char *const *directories, const FileVisitor *visitor, GPtrArray *problems,
        GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Returns an empty table. */
KnownCertificates *known_certificates_new(void) G_GNUC_WARN_UNUSED_RESULT;
KnownCertificates *known_certificates_ref(KnownCertificates *known);
void known_certificates_unref(KnownCertificates *known);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KnownCertificates, known_certificates_unref)

gboolean known_certificates_equal(const KnownCertificates *a, const KnownCertificates *b);

/* Returns the first certificate with this digest in hexadecimal digits, or NULL. */
const KnownCertificate *known_certificates_find(const KnownCertificates *known, const char *sha256);
/* Returns the first certificate of this name, or NULL. */
const KnownCertificate *known_certificates_find_name(
        const KnownCertificates *known, const char *name);

/* What uefi/summary has found with the table: it is kept as long as the table. */
typedef struct KnownMemo {
    GMutex mutex;
    GHashTable *values; /* NULL: none yet */
} KnownMemo;
KnownMemo *known_certificates_get_memo(const KnownCertificates *known);

/* Returns the certificate of this index, or NULL behind the last one. */
const KnownCertificate *known_certificates_get(const KnownCertificates *known, guint index);

/* Returns the DER of the certificate with this digest, or NULL if it is not in the directories. */
GBytes *known_certificates_get_der(const KnownCertificates *known, const char *sha256);
/* Returns the directories, highest layer first, for the text of an error. */
const char *known_certificates_get_directories(const KnownCertificates *known);
