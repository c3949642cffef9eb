/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/pin-reader.h"

#include <string.h>

#include "base/text.h"

/* A host has few kinds of VMs, and users choose what their records hold. */
#define MAX_KINDS 256
#define MAX_SIZE (16 * 1024) /* of a record that is remembered */

struct PinReader {
    GHashTable *descriptors; /* see pin_from_json() */
    GHashTable *pins;        /* by the bytes of the record behind its head */
};

PinReader *pin_reader_new(void) {
    PinReader *reader = g_new(PinReader, 1);

    reader->descriptors = pin_descriptors_new();
    reader->pins = g_hash_table_new_full(
            g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref,
            (GDestroyNotify)(gpointer)pin_unref);
    return reader;
}

void pin_reader_free(PinReader *reader) {
    if (!reader)
        return;
    g_hash_table_unref(reader->descriptors);
    g_hash_table_unref(reader->pins);
    g_free(reader);
}

/* -- the head ---------------------------------------------------------------------------- */

typedef struct Scanner {
    const char *p;
    const char *end;
} Scanner;

static gboolean skip(Scanner *s, const char *text) {
    gsize length = strlen(text);

    if ((gsize)(s->end - s->p) < length || memcmp(s->p, text, length) != 0)
        return FALSE;
    s->p += length;
    return TRUE;
}

static gboolean scan_number(Scanner *s, guint64 *ret) {
    char digits[20] = "";

    for (gsize n = 0; s->p < s->end && g_ascii_isdigit(*s->p) && n < sizeof digits - 1; n++)
        digits[n] = *s->p++;
    return digits[0] != '0' && g_ascii_string_to_unsigned(digits, 10, 1, G_MAXINT64, ret, NULL);
}

/* A string with escapes is left to the parser. */
static char *scan_string(Scanner *s) {
    const char *begin = s->p;

    while (s->p < s->end && *s->p != '"' && *s->p != '\\' && (guint8)*s->p >= 0x20)
        s->p++;
    if (s->p == s->end || *s->p != '"')
        return NULL;
    s->p++;
    return g_strndup(begin, (gsize)(s->p - 1 - begin));
}

/* Returns the bytes behind the lines that pin_to_json() writes first, or NULL where the record
 * begins differently. */
static GBytes *read_head(GBytes *record, guint64 *ret_created, char **ret_reference) {
    gsize size;
    const char *text = g_bytes_get_data(record, &size);
    Scanner s = {text, text + size};

    if (size > MAX_SIZE || !skip(&s, "{\n  \"version\" : 1,\n  \"created\" : ") ||
        !scan_number(&s, ret_created) || !skip(&s, ",\n"))
        return NULL;
    if (skip(&s, "  \"reference\" : \"")) {
        *ret_reference = scan_string(&s);
        if (!*ret_reference || !text_is_valid(*ret_reference) || !skip(&s, ",\n"))
            return NULL;
    }
    return g_bytes_new_from_bytes(record, (gsize)(s.p - text), (gsize)(s.end - s.p));
}

/* -- the record -------------------------------------------------------------------------- */

/* Then no member is in it twice: with another head, it is the record of a pin that is alike. */
static gboolean is_as_written(GBytes *record, const Pin *pin) {
    g_autofree char *json = pin_to_json(pin);
    gsize size;
    const char *text = g_bytes_get_data(record, &size);

    return strlen(json) == size && memcmp(json, text, size) == 0;
}

Pin *pin_reader_read(PinReader *reader, GBytes *record, GError **error) {
    g_autofree char *reference = NULL;
    guint64 created;
    g_autoptr(GBytes) rest = read_head(record, &created, &reference);
    const Pin *known = rest ? g_hash_table_lookup(reader->pins, rest) : NULL;
    Pin *pin;

    if (known)
        return pin_borrow(known, created, reference);
    pin = pin_from_json(record, reader->descriptors, error);
    if (pin && rest && g_hash_table_size(reader->pins) < MAX_KINDS && is_as_written(record, pin))
        g_hash_table_insert(reader->pins, g_steal_pointer(&rest), pin_ref(pin));
    return pin;
}
