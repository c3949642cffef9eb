/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* An X.509 certificate, as far as people and policies name it. The one module that uses GnuTLS. */

/* Firmware takes none of this size: a variable has at most 33 KiB. */
#define CERTIFICATE_MAX_SIZE (64 * 1024)

typedef struct Certificate {
    char *sha256;  /* of the DER, in hexadecimal digits */
    char *subject; /* as in RFC 4514; "" where the bytes are no certificate */
    char *issuer;
    gint64 not_before; /* seconds since the epoch; 0 where the bytes are no certificate */
    gint64 not_after;
} Certificate;

/* Never NULL: what is no certificate has its SHA-256. */
Certificate *certificate_new(const guint8 *der, gsize size) G_GNUC_WARN_UNUSED_RESULT;
void certificate_free(Certificate *certificate);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Certificate, certificate_free)
