/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/alike.h"

#include <string.h>

/* Edits that may lie between two words: a typing error in four letters, and never more than three,
 * which bounds the time that the search takes. */
#define LETTERS_PER_EDIT 4
#define MAX_EDITS 3

/* At most EDITS letters are missing, added, replaced, or swapped with the next one. */
static gboolean is_within(const char *a, const char *b, guint edits) {
    while (*a && *a == *b) {
        a++;
        b++;
    }
    if (!*a && !*b)
        return TRUE;
    if (edits == 0)
        return FALSE;

    edits--;
    return (*a && is_within(a + 1, b, edits)) || (*b && is_within(a, b + 1, edits)) ||
            (*a && *b && is_within(a + 1, b + 1, edits)) ||
            (*a && a[1] && a[1] == b[0] && a[0] == b[1] && is_within(a + 2, b + 2, edits));
}

static char *normalise(const char *word) {
    return g_strdelimit(g_ascii_strdown(word, -1), "_ ", '-');
}

const char *alike_find(const char *word, const char *const *known) {
    g_autofree char *plain = normalise(word);
    guint max = CLAMP((guint)strlen(plain) / LETTERS_PER_EDIT, 1, MAX_EDITS);

    for (guint edits = 0; edits <= max; edits++)
        for (const char *const *candidate = known; *candidate; candidate++) {
            g_autofree char *plain_candidate = normalise(*candidate);

            if (is_within(plain, plain_candidate, edits))
                return *candidate;
        }
    return NULL;
}

char *alike_hint(const char *word, const char *const *known) {
    const char *found = alike_find(word, known);

    return found ? g_strdup_printf("; did you mean \"%s\"?", found) : g_strdup("");
}
