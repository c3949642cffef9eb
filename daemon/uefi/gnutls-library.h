/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gnutls/crypto.h>
#include <gnutls/x509.h>

/*
 * GnuTLS, which is loaded when a digest or a certificate needs it, and unloaded when the threads
 * that did have ended. The client seldom needs it, and loading it takes as long as all else that
 * the client does at its start; in the service it takes a quarter of the memory.
 */

#define GNUTLS_SYMBOLS(F)                  \
    F(gnutls_free)                         \
    F(gnutls_hash)                         \
    F(gnutls_hash_deinit)                  \
    F(gnutls_hash_init)                    \
    F(gnutls_hash_output)                  \
    F(gnutls_pem_base64_decode2)           \
    F(gnutls_x509_crt_deinit)              \
    F(gnutls_x509_crt_export2)             \
    F(gnutls_x509_crt_get_activation_time) \
    F(gnutls_x509_crt_get_dn3)             \
    F(gnutls_x509_crt_get_expiration_time) \
    F(gnutls_x509_crt_get_issuer_dn3)      \
    F(gnutls_x509_crt_import)              \
    F(gnutls_x509_crt_init)

/* The address of each symbol; gnutls_free is a variable. */
#define GNUTLS_DECLARE(symbol) typeof(symbol) *symbol;
typedef struct GnuTLS {
    GNUTLS_SYMBOLS(GNUTLS_DECLARE)
} GnuTLS;
#undef GNUTLS_DECLARE

/* Never NULL: ends the process, by g_error(), if there is no library for ten seconds. While all
 * descriptors are taken it waits without limit, and logs a warning; on the first thread of a
 * program it does not wait for them. The calling thread keeps the library to its end, so it must
 * not be the event loop's, which also may not wait. Thread-safe. */
const GnuTLS *gnutls_library(void);
