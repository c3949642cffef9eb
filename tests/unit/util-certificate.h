/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* A self-signed certificate, CN=NAME, or of nobody where NAME is "": DER. Times are seconds since
 * the epoch. */
GBytes *test_certificate(const char *name, gint64 not_before, gint64 not_after)
        G_GNUC_WARN_UNUSED_RESULT;

/* Appends a signature list of one entry. TYPE and OWNER are GUIDs. */
void test_add_siglist(
        GByteArray *lists, const char *type, const char *owner, gconstpointer data, gsize size);
#define TEST_X509 "a5c059a1-94e4-4aa7-87b5-ab155c2bf072"
#define TEST_SHA256 "c1c41626-504c-4092-aca9-41f936934328"
