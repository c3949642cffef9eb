/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "uefi/certificate.h"

#include <string.h>

#include "base/text.h"
#include "uefi/digest.h"
#include "uefi/gnutls-library.h"

typedef struct gnutls_x509_crt_int X509;

static void x509_free(X509 *x509) {
    gnutls_library()->gnutls_x509_crt_deinit(x509);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509, x509_free)

/* What GnuTLS has allocated. */
static void free_data(gnutls_datum_t *datum) {
    (*gnutls_library()->gnutls_free)(datum->data);
}

typedef int (*NameFunc)(gnutls_x509_crt_t x509, gnutls_datum_t *ret, unsigned flags);

static char *get_name(X509 *x509, NameFunc func) {
    gnutls_datum_t name = {0};
    char *text;

    if (func(x509, &name, 0) < 0)
        return g_strdup("");
    /* GnuTLS terminates it with NUL, and escapes invalid characters */
    text = text_make_valid((const char *)name.data);
    free_data(&name);
    return text;
}

static X509 *import(const guint8 *der, gsize size) {
    const gnutls_datum_t datum = {.data = (guint8 *)der, .size = (unsigned)size};
    const GnuTLS *gnutls = gnutls_library();
    g_autoptr(X509) x509 = NULL;

    if (size > CERTIFICATE_MAX_SIZE || gnutls->gnutls_x509_crt_init(&x509) < 0 ||
        gnutls->gnutls_x509_crt_import(x509, &datum, GNUTLS_X509_FMT_DER) < 0)
        return NULL;
    return g_steal_pointer(&x509);
}

Certificate *certificate_new(const guint8 *der, gsize size) {
    Certificate *certificate = g_new0(Certificate, 1);
    const GnuTLS *gnutls = gnutls_library();
    g_autoptr(X509) x509 = import(der, size);

    certificate->sha256 = digest_bytes(der, size);
    certificate->subject = x509 ? get_name(x509, gnutls->gnutls_x509_crt_get_dn3) : g_strdup("");
    certificate->issuer =
            x509 ? get_name(x509, gnutls->gnutls_x509_crt_get_issuer_dn3) : g_strdup("");
    if (x509) {
        /* -1: not present */
        certificate->not_before = MAX(gnutls->gnutls_x509_crt_get_activation_time(x509), 0);
        certificate->not_after = MAX(gnutls->gnutls_x509_crt_get_expiration_time(x509), 0);
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

/* GnuTLS ignores bytes behind the certificate, and the firmware does not. */
gboolean certificate_is_whole(const guint8 *der, gsize size) {
    g_autoptr(X509) x509 = import(der, size);
    gnutls_datum_t again = {0};
    gboolean is_same;

    if (!x509 || gnutls_library()->gnutls_x509_crt_export2(x509, GNUTLS_X509_FMT_DER, &again) < 0)
        return FALSE;
    is_same = again.size == size && memcmp(again.data, der, size) == 0;
    free_data(&again);
    return is_same;
}

#define PEM_BEGIN "-----BEGIN CERTIFICATE-----"

GPtrArray *certificate_read_pem(GBytes *pem) {
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    gsize size;
    const char *text = g_bytes_get_data(pem, &size);
    const char *end;

    if (size == 0)
        return g_steal_pointer(&list);
    end = text + size;
    for (;;) {
        gnutls_datum_t source, der = {0};

        text = g_strstr_len(text, end - text, PEM_BEGIN);
        if (!text)
            return g_steal_pointer(&list);
        source = (gnutls_datum_t){.data = (guint8 *)text, .size = (unsigned)(end - text)};
        if (gnutls_library()->gnutls_pem_base64_decode2("CERTIFICATE", &source, &der) < 0)
            return NULL;
        g_ptr_array_add(list, g_bytes_new(der.data, der.size));
        free_data(&der);
        text += strlen(PEM_BEGIN);
    }
}
