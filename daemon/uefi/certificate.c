/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "uefi/certificate.h"

#include <gnutls/x509.h>

#include "base/text.h"
#include "uefi/digest.h"

typedef struct gnutls_x509_crt_int X509;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509, gnutls_x509_crt_deinit)

typedef int (*NameFunc)(gnutls_x509_crt_t x509, gnutls_datum_t *ret, unsigned flags);

static char *get_name(X509 *x509, NameFunc func) {
    gnutls_datum_t name = {0};
    char *text;

    if (func(x509, &name, 0) < 0)
        return g_strdup("");
    /* GnuTLS terminates it with NUL, and escapes invalid characters */
    text = text_make_valid((const char *)name.data);
    gnutls_free(name.data);
    return text;
}

static X509 *import(const guint8 *der, gsize size) {
    const gnutls_datum_t datum = {.data = (guint8 *)der, .size = (unsigned)size};
    g_autoptr(X509) x509 = NULL;

    if (size > CERTIFICATE_MAX_SIZE || gnutls_x509_crt_init(&x509) < 0 ||
        gnutls_x509_crt_import(x509, &datum, GNUTLS_X509_FMT_DER) < 0)
        return NULL;
    return g_steal_pointer(&x509);
}

Certificate *certificate_new(const guint8 *der, gsize size) {
    Certificate *certificate = g_new0(Certificate, 1);
    g_autoptr(X509) x509 = import(der, size);

    certificate->sha256 = digest_bytes(der, size);
    certificate->subject = x509 ? get_name(x509, gnutls_x509_crt_get_dn3) : g_strdup("");
    certificate->issuer = x509 ? get_name(x509, gnutls_x509_crt_get_issuer_dn3) : g_strdup("");
    if (x509) {
        /* -1: not present */
        certificate->not_before = MAX(gnutls_x509_crt_get_activation_time(x509), 0);
        certificate->not_after = MAX(gnutls_x509_crt_get_expiration_time(x509), 0);
    }
    return certificate;
}

void certificate_free(Certificate *certificate) {
    if (!certificate)
        return;
    g_free(certificate->sha256);
    g_free(certificate->subject);
    g_free(certificate->issuer);
    g_free(certificate);
}
