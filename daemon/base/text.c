/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/text.h"

#include <string.h>

static gboolean is_noncharacter(gunichar c) {
    return (c >= 0xfdd0 && c <= 0xfdef) || (c & 0xfffe) == 0xfffe;
}

const char *text_find_invalid(const char *text, gsize length) {
    const char *end;
    gboolean is_utf8 = g_utf8_validate_len(text, length, &end);

    for (const char *p = text; p < end; p = g_utf8_next_char(p))
        if (is_noncharacter(g_utf8_get_char(p)))
            return p;

    return is_utf8 ? NULL : end;
}

gboolean text_is_valid(const char *text) {
    return text_find_invalid(text, strlen(text)) == NULL;
}

int text_compare(gconstpointer a, gconstpointer b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char *text_escape(const char *text) {
    g_autoptr(GString) escaped = g_string_new(NULL);
    const char *end = text + strlen(text);
    const char *invalid = text_find_invalid(text, end - text);

    for (gsize size; text < end; text += size) {
        gboolean is_shown =
                text != invalid && *text != '\\' && !g_unichar_iscntrl(g_utf8_get_char(text));

        /* skip one invalid byte: valid text may follow */
        size = text != invalid ? (gsize)(g_utf8_next_char(text) - text) : 1;
        if (text == invalid)
            invalid = text_find_invalid(text + 1, end - text - 1);
        if (is_shown)
            g_string_append_len(escaped, text, (gssize)size);
        else
            for (gsize i = 0; i < size; i++)
                g_string_append_printf(escaped, "\\x%02x", (guint8)text[i]);
    }

    return g_string_free(g_steal_pointer(&escaped), FALSE);
}

char *text_make_valid(const char *text) {
    return text_is_valid(text) ? g_strdup(text) : text_escape(text);
}

char *text_make_printable(const char *text) {
    gboolean is_printable = text_is_valid(text);

    for (const char *p = text; is_printable && *p; p = g_utf8_next_char(p))
        is_printable = !g_unichar_iscntrl(g_utf8_get_char(p));
    return is_printable ? g_strdup(text) : text_escape(text);
}
