/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * Text that may be sent on the bus. libsystemd rejects a whole message for one string that is not
 * UTF-8 or contains a Unicode noncharacter (U+FDD0 to U+FDEF, U+xxFFFE, U+xxFFFF), so every string
 * of foreign origin is validated here first.
 */

/* Returns the first byte that is not valid text, or NULL. A NUL byte is not valid. LENGTH is in
 * bytes. */
const char *text_find_invalid(const char *text, gsize length);

gboolean text_is_valid(const char *text);

/* Compares strings bytewise, for g_ptr_array_sort(). */
int text_compare(gconstpointer a, gconstpointer b);

/* Whether TEXT is valid and has no control character, no format character (Unicode's Cf), and no
 * separator of lines or paragraphs. */
gboolean text_is_printable(const char *text);

/* Returns TEXT with each invalid byte, backslash, and byte of a character that is not printable
 * written as \xNN. */
char *text_escape(const char *text) G_GNUC_WARN_UNUSED_RESULT;

/* Returns a copy of TEXT, escaped only if it is not valid. */
char *text_make_valid(const char *text) G_GNUC_WARN_UNUSED_RESULT;

/* Returns a copy of TEXT for a terminal or a log, escaped only if it is not printable. Output of
 * this function passes through it unchanged. */
char *text_make_printable(const char *text) G_GNUC_WARN_UNUSED_RESULT;

/* Quotes a word for a shell, only if it needs that. */
char *text_quote_word(const char *text) G_GNUC_WARN_UNUSED_RESULT;
