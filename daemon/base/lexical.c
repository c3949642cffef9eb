/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/lexical.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

typedef struct Scanner {
    const char *p;
    const char *end;
    guint depth;         /* of arrays and objects */
    gboolean is_over;    /* the top-level value has ended */
    const char *message; /* non-NULL: a fault at p */
} Scanner;

static gboolean fault(Scanner *s, const char *message) {
    s->message = message;
    return FALSE;
}

/* Reads the UTF-16 code unit of "uXXXX" at s->p. */
static gboolean scan_code_unit(Scanner *s, guint *ret) {
    *ret = 0;
    if (s->end - s->p < 5 || *s->p != 'u')
        return fault(s, "\\u without four hexadecimal digits");

    for (int i = 1; i <= 4; i++) {
        if (!g_ascii_isxdigit(s->p[i]))
            return fault(s, "\\u without four hexadecimal digits");
        *ret = *ret * 16 + (guint)g_ascii_xdigit_value(s->p[i]);
    }
    s->p += 5;
    return TRUE;
}

static gboolean scan_unicode_escape(Scanner *s) {
    const char *begin = s->p;
    guint unit;
    guint low = 0;

    if (!scan_code_unit(s, &unit))
        return FALSE;

    if (unit >= 0xd800 && unit <= 0xdbff) {
        /* a high surrogate: the low one must follow */
        if (s->p == s->end || *s->p != '\\') {
            s->p = begin;
            return fault(s, "half a surrogate pair");
        }
        s->p++;
        if (!scan_code_unit(s, &low))
            return FALSE;
    }
    if ((low != 0 && (low < 0xdc00 || low > 0xdfff)) || (unit >= 0xdc00 && unit <= 0xdfff)) {
        s->p = begin;
        return fault(s, "half a surrogate pair");
    }
    if (unit == 0) {
        s->p = begin;
        return fault(s, "NUL in a string");
    }
    return TRUE;
}

static gboolean scan_escape(Scanner *s) {
    /* s->p is behind the backslash */
    if (s->p == s->end)
        return fault(s, "unterminated string");
    if (*s->p == 'u')
        return scan_unicode_escape(s);
    if (!strchr("\"\\/bfnrt", *s->p))
        return fault(s, "unknown escape in a string");

    s->p++;
    return TRUE;
}

static gboolean scan_string(Scanner *s) {
    s->p++;
    while (s->p < s->end && *s->p != '"') {
        if ((guint8)*s->p < 0x20)
            return fault(s, "control character in a string");
        if (*s->p++ == '\\' && !scan_escape(s))
            return FALSE;
    }

    if (s->p == s->end)
        return fault(s, "unterminated string");
    s->p++;
    return TRUE;
}

static gboolean scan_digits(Scanner *s) {
    if (s->p == s->end || !g_ascii_isdigit(*s->p))
        return fault(s, "malformed number");
    while (s->p < s->end && g_ascii_isdigit(*s->p))
        s->p++;
    return TRUE;
}

/* json-glib clamps such integers, or wraps them, depending on its version. */
static gboolean fits_int64(const char *number, gsize length) {
    const char *limit = *number == '-' ? "-9223372036854775808" : "9223372036854775807";

    return length < strlen(limit) ||
            (length == strlen(limit) && memcmp(number, limit, length) <= 0);
}

static gboolean scan_number(Scanner *s) {
    const char *begin = s->p;
    gboolean is_integer = TRUE;

    if (*s->p == '-')
        s->p++;

    if (s->p < s->end && *s->p == '0') {
        s->p++;
    } else if (!scan_digits(s)) {
        return FALSE;
    }

    if (s->p < s->end && *s->p == '.') {
        is_integer = FALSE;
        s->p++;
        if (!scan_digits(s))
            return FALSE;
    }

    if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
        is_integer = FALSE;
        s->p++;
        if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
            s->p++;
        if (!scan_digits(s))
            return FALSE;
    }

    if (s->p < s->end && (g_ascii_isalnum(*s->p) || *s->p == '.'))
        return fault(s, "malformed number");
    if (is_integer && !fits_int64(begin, (gsize)(s->p - begin))) {
        s->p = begin;
        return fault(s, "integer of more than 64 bits");
    }
    return TRUE;
}

/* What people write that other notations have. */
static const char *describe_foreign(const Scanner *s) {
    if (s->end - s->p >= 3 && memcmp(s->p, "\xef\xbb\xbf", 3) == 0)
        return "a byte order mark (BOM), which JSON must not begin with";
    if (*s->p == '#' || (*s->p == '/' && s->p + 1 < s->end && strchr("/*", s->p[1])))
        return "a comment, which JSON does not have";
    if (*s->p == '\'')
        return "a single quote: strings have double quotes";
    return "not JSON";
}

static gboolean scan_literal(Scanner *s) {
    static const char *const literals[] = {"true", "false", "null"};

    for (gsize i = 0; i < G_N_ELEMENTS(literals); i++) {
        gsize length = strlen(literals[i]);

        if ((gsize)(s->end - s->p) >= length && memcmp(s->p, literals[i], length) == 0 &&
            (s->p + length == s->end || !g_ascii_isalnum(s->p[length]))) {
            s->p += length;
            return TRUE;
        }
    }

    return fault(s, describe_foreign(s));
}

static gboolean scan_bracket(Scanner *s) {
    if (*s->p == '{' || *s->p == '[') {
        if (s->depth == LEXICAL_MAX_DEPTH)
            return fault(s, "nested too deeply");
        s->depth++;
    } else if (s->depth > 0) {
        s->depth--;
    }

    s->p++;
    return TRUE;
}

static gboolean scan_comma(Scanner *s) {
    const char *next = s->p + 1;

    while (next < s->end && strchr(" \t\r\n", *next))
        next++;
    if (next < s->end && strchr("}]", *next))
        return fault(s, *next == '}' ? "a comma before }" : "a comma before ]");
    s->p++;
    return TRUE;
}

static gboolean scan_token(Scanner *s) {
    gboolean is_scanned;

    if (strchr(" \t\r\n", *s->p)) {
        s->p++;
        return TRUE;
    }
    if (s->is_over)
        return fault(s, "text after the end of the document");

    if (strchr("{}[]", *s->p)) {
        is_scanned = scan_bracket(s);
    } else if (*s->p == ',') {
        return scan_comma(s);
    } else if (*s->p == ':') {
        s->p++;
        return TRUE;
    } else if (*s->p == '"') {
        is_scanned = scan_string(s);
    } else if (*s->p == '-' || g_ascii_isdigit(*s->p)) {
        is_scanned = scan_number(s);
    } else {
        is_scanned = scan_literal(s);
    }

    s->is_over = s->depth == 0;
    return is_scanned;
}

const char *lexical_find_fault(const char *text, gsize length, const char **ret_message) {
    Scanner s = {.p = text, .end = length > 0 ? text + length : text};
    const char *invalid = length > 0 ? text_find_invalid(text, length) : NULL;

    if (invalid) {
        *ret_message = "not UTF-8, or a character that no text may hold";
        return invalid;
    }

    while (s.p < s.end)
        if (!scan_token(&s)) {
            *ret_message = s.message;
            return s.p;
        }

    return NULL;
}

static JsonNode *refuse(GError **error, const char *prefix, const char *message) {
    g_autofree char *text = text_make_valid(message);

    g_set_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_IO, "%s%s", prefix, text);
    return NULL;
}

JsonNode *lexical_read_object(const char *text, gsize length, GError **error) {
    g_autoptr(JsonParser) parser = json_parser_new_immutable();
    g_autoptr(GError) reason = NULL;
    const char *message;
    JsonNode *root;

    if (length == 0)
        return refuse(error, "", "empty");
    if (lexical_find_fault(text, length, &message))
        return refuse(error, "no JSON: ", message);
    if (!json_parser_load_from_data(parser, text, (gssize)length, &reason))
        return refuse(error, "", reason->message);
    root = json_parser_get_root(parser);
    return root && JSON_NODE_HOLDS_OBJECT(root) ? json_node_ref(root)
                                                : refuse(error, "", "no JSON object");
}

GStrv lexical_get_strings(JsonNode *node) {
    JsonArray *array = node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
    g_autoptr(GPtrArray) strings = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; array && i < json_array_get_length(array); i++) {
        JsonNode *element = json_array_get_element(array, i);

        if (!JSON_NODE_HOLDS_VALUE(element) || json_node_get_value_type(element) != G_TYPE_STRING ||
            !text_is_valid(json_node_get_string(element)))
            return NULL;
        g_ptr_array_add(strings, json_node_dup_string(element));
    }
    if (!array)
        return NULL;
    g_ptr_array_add(strings, NULL);
    return (GStrv)g_ptr_array_steal(strings, NULL);
}

char *lexical_escape(const char *json) {
    GString *escaped = g_string_new(NULL);

    for (const char *p = json; *p; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);

        if (g_unichar_iscntrl(c) && c != '\n')
            g_string_append_printf(escaped, "\\u%04x", c);
        else
            g_string_append_len(escaped, p, g_utf8_next_char(p) - p);
    }
    return g_string_free(escaped, FALSE);
}
