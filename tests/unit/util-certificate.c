/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "util-certificate.h"

#include <gnutls/x509.h>
#include <string.h>

#include "uefi/efi.h"

GBytes *test_certificate(const char *name, gint64 not_before, gint64 not_after) {
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t certificate;
    gnutls_datum_t der;
    GBytes *bytes;

    g_assert_cmpint(gnutls_x509_privkey_init(&key), ==, 0);
    g_assert_cmpint(gnutls_x509_privkey_generate(key, GNUTLS_PK_EDDSA_ED25519, 256, 0), ==, 0);
    g_assert_cmpint(gnutls_x509_crt_init(&certificate), ==, 0);
    g_assert_cmpint(gnutls_x509_crt_set_version(certificate, 3), ==, 0);
    g_assert_cmpint(gnutls_x509_crt_set_serial(certificate, "\1", 1), ==, 0);
    if (name[0])
        g_assert_cmpint(
                gnutls_x509_crt_set_dn_by_oid(
                        certificate, GNUTLS_OID_X520_COMMON_NAME, 0, name, (unsigned)strlen(name)),
                ==, 0);
    g_assert_cmpint(gnutls_x509_crt_set_activation_time(certificate, not_before), ==, 0);
    g_assert_cmpint(gnutls_x509_crt_set_expiration_time(certificate, not_after), ==, 0);
    g_assert_cmpint(gnutls_x509_crt_set_key(certificate, key), ==, 0);
    g_assert_cmpint(
            gnutls_x509_crt_sign2(certificate, certificate, key, GNUTLS_DIG_SHA512, 0), ==, 0);
    g_assert_cmpint(gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_DER, &der), ==, 0);
    bytes = g_bytes_new(der.data, der.size);
    gnutls_free(der.data);
    gnutls_x509_crt_deinit(certificate);
    gnutls_x509_privkey_deinit(key);
    return bytes;
}

static EfiGuid make_guid(const char *text) {
    EfiGuid guid;

    g_assert_true(efi_guid_parse(text, &guid));
    return guid;
}

void test_add_siglist(
        GByteArray *lists, const char *type, const char *owner, gconstpointer data, gsize size) {
    const EfiGuid type_guid = make_guid(type), owner_guid = make_guid(owner);
    const guint32 sizes[] = {
            GUINT32_TO_LE((guint32)(28 + 16 + size)), 0, GUINT32_TO_LE((guint32)(16 + size))};

    g_byte_array_append(lists, type_guid.bytes, 16);
    g_byte_array_append(lists, (const guint8 *)sizes, sizeof sizes);
    g_byte_array_append(lists, owner_guid.bytes, 16);
    g_byte_array_append(lists, data, (guint)size);
}
