/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * Holds a JSON document against the words of RFC 8259. json-glib takes more than JSON: comments,
 * single quotes, hexadecimal and octal numbers, line ends inside strings, "var x =", a byte order
 * mark, a second document behind the first; and it cuts a string at \u0000. Other readers of the
 * same file do not, so this service takes none of it. Structure is json-glib's to check, but for
 * its depth, as json-glib's recursion has no bound, and for integers that its 64 bits cannot hold.
 */

/* Of arrays and objects. A descriptor needs 5. */
#define LEXICAL_MAX_DEPTH 100

/* JSON as json-glib writes it, with each control character but line feed (which only lays it out) as
 * \uNNNN: json-glib leaves some in strings, where RFC 8259 or a terminal does not take them. */
char *lexical_escape(const char *json) G_GNUC_WARN_UNUSED_RESULT;

/* The first byte that no JSON token has there, with what is wrong in *RET_MESSAGE (static), or
 * NULL where there is none. LENGTH is in bytes; TEXT need not end with NUL, and may be NULL where there is none. */
const char *lexical_find_fault(const char *text, gsize length, const char **ret_message)
        G_GNUC_WARN_UNUSED_RESULT;
