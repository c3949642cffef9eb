/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * SHA-256 in hexadecimal, by GnuTLS: it uses the processor's instructions, which GLib's does not.
 */

char *digest_bytes(const void *data, gsize size) G_GNUC_WARN_UNUSED_RESULT;
char *digest_gbytes(GBytes *bytes) G_GNUC_WARN_UNUSED_RESULT;

/* TEXT in lower case; NULL: it is not 64 hexadecimal digits. */
char *digest_parse(const char *text) G_GNUC_WARN_UNUSED_RESULT;

/* Of the first SIZE bytes of a file. Returns 0 or a negative errno; -ENODATA: the file is
 * shorter. */
int digest_file(int fd, guint64 size, char **ret) G_GNUC_WARN_UNUSED_RESULT;
