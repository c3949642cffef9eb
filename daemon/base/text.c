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

/* Control characters steer terminals; format characters and separators make one text look like
 * another, as U+202E does, which turns the direction. */
static gboolean is_visible(gunichar c) {
    GUnicodeType type = g_unichar_type(c);

    return type != G_UNICODE_CONTROL && type != G_UNICODE_FORMAT &&
            type != G_UNICODE_LINE_SEPARATOR && type != G_UNICODE_PARAGRAPH_SEPARATOR;
}

gboolean text_is_printable(const char *text) {
    if (!text_is_valid(text))
        return FALSE;
    for (const char *p = text; *p; p = g_utf8_next_char(p))
        if (!is_visible(g_utf8_get_char(p)))
            return FALSE;
    return TRUE;
}

char *text_escape(const char *text) {
    g_autoptr(GString) escaped = g_string_new(NULL);
    const char *end = text + strlen(text);
    const char *invalid = text_find_invalid(text, end - text);

    for (gsize size; text < end; text += size) {
        gboolean is_shown = text != invalid && *text != '\\' && is_visible(g_utf8_get_char(text));

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
    return text_is_printable(text) ? g_strdup(text) : text_escape(text);
}

char *text_quote_word(const char *text) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "@%+:,./_-=";
    gboolean is_plain = *text && *text != '=' && text[strspn(text, plain)] == '\0';

    return is_plain ? g_strdup(text) : g_shell_quote(text);
}
