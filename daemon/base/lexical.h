/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

/*
 * Validates JSON against the grammar of RFC 8259's tokens. json-glib accepts more than JSON:
 * comments, single quotes, hexadecimal and octal numbers, line breaks in strings, "var x =", a byte
 * order mark, a second document after the first; and it truncates a string at \u0000. Other readers
 * of the same file reject these, and so does this service. json-glib checks the structure except
 * for its depth, as its recursion is unbounded, and for integers over 64 bits, which it wraps.
 */

/* Nesting of arrays and objects. A descriptor needs 5. */
#define LEXICAL_MAX_DEPTH 100

/* Returns JSON with each control character but line feed as \uNNNN. json-glib leaves some in
 * strings, which RFC 8259 forbids or a terminal interprets. JSON is json-glib's output, in which a
 * line feed is layout. */
char *lexical_escape(const char *json) G_GNUC_WARN_UNUSED_RESULT;

/* Returns the first byte that no JSON token allows there, with a static message in *RET_MESSAGE;
 * NULL: no fault. LENGTH is in bytes. TEXT need not end with NUL, and may be NULL if LENGTH is
 * 0. */
const char *lexical_find_fault(const char *text, gsize length, const char **ret_message)
        G_GNUC_WARN_UNUSED_RESULT;

/* Reads the object that TEXT is, if it has no fault. The result cannot be changed. Error:
 * FIRMWARE_ERROR_IO, whose text is valid. */
JsonNode *lexical_read_object(const char *text, gsize length, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* Returns the strings of the array NODE, or NULL if it is no array, or has an element that is no
 * string or no valid text, as "\\uffff" is. NODE may be NULL. */
GStrv lexical_get_strings(JsonNode *node) G_GNUC_WARN_UNUSED_RESULT;
