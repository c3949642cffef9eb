/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The names of an X.509 certificate for people and policies. */

/* Firmware accepts no certificate of this size: a variable has at most 33 KiB. */
#define CERTIFICATE_MAX_SIZE (64 * 1024)

typedef struct Certificate {
    char *sha256;  /* of the DER, in hexadecimal digits */
    char *subject; /* as in RFC 4514; "" if the bytes are not a certificate */
    char *issuer;
    gint64 not_before; /* seconds since the epoch; 0 if the bytes are not a certificate */
    gint64 not_after;
} Certificate;

/* Never returns NULL: bytes that are not a certificate have their SHA-256 alone. */
Certificate *certificate_new(const guint8 *der, gsize size) G_GNUC_WARN_UNUSED_RESULT;
void certificate_free(Certificate *certificate);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Certificate, certificate_free)

/* Returns TRUE if the bytes are one certificate and nothing else. */
gboolean certificate_is_whole(const guint8 *der, gsize size);

/* Returns the certificates of PEM text as DER (of GBytes), none if there is none. NULL: one of them
 * is malformed. */
GPtrArray *certificate_read_pem(GBytes *pem) G_GNUC_WARN_UNUSED_RESULT;
