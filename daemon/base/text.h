/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * Text that may go out on the bus. libsystemd refuses a whole message for one string that is not
 * UTF-8 or holds a Unicode noncharacter (U+FDD0 to U+FDEF, U+xxFFFE, U+xxFFFF), so every string
 * of foreign origin is checked here first.
 */

/* The first byte that is not part of acceptable text, or NULL where all of it is. A NUL byte is
 * not acceptable. LENGTH is in bytes. */
const char *text_find_invalid(const char *text, gsize length);

gboolean text_is_valid(const char *text);

/* For g_ptr_array_sort() of strings: by their bytes. */
int text_compare(gconstpointer a, gconstpointer b);

/* TEXT with each byte of what is unacceptable, a backslash or a control character (U+0080 to U+009F,
 * which steer terminals, too) written as \xNN. */
char *text_escape(const char *text) G_GNUC_WARN_UNUSED_RESULT;

/* A copy of TEXT, escaped only if it is not acceptable as it is. */
char *text_make_valid(const char *text) G_GNUC_WARN_UNUSED_RESULT;

/* The same for a terminal: escaped where it holds a control character, too. */
char *text_make_printable(const char *text) G_GNUC_WARN_UNUSED_RESULT;
