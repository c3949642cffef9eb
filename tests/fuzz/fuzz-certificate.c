/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A certificate's DER. */

#include <string.h>

#include "base/text.h"
#include "fuzz.h"
#include "uefi/certificate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    g_autoptr(Certificate) certificate = certificate_new(data, size);

    g_assert_cmpuint(strlen(certificate->sha256), ==, 64);
    g_assert_true(text_is_valid(certificate->subject));
    g_assert_true(text_is_valid(certificate->issuer));
    g_assert_cmpint(certificate->not_before, >=, 0);
    g_assert_cmpint(certificate->not_after, >=, 0);
    return 0;
}
