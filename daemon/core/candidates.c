/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/candidates.h"

typedef struct Candidate {
    const CatalogFile *file;
    guint group;
} Candidate;

/* The firmware of one architecture. */
typedef struct Shelf {
    GArray *candidates; /* of Candidate, in order of rank */
    GPtrArray *groups;  /* a Descriptor of each group, borrowed */
} Shelf;

struct Candidates {
    GHashTable *shelves; /* architecture, borrowed -> Shelf */
};

static void shelf_free(gpointer data) {
    Shelf *shelf = data;

    g_array_unref(shelf->candidates);
    g_ptr_array_unref(shelf->groups);
    g_free(shelf);
}

static Shelf *get_shelf(Candidates *candidates, char *architecture) {
    Shelf *shelf = g_hash_table_lookup(candidates->shelves, architecture);

    if (!shelf) {
        shelf = g_new0(Shelf, 1);
        shelf->candidates = g_array_new(FALSE, FALSE, sizeof(Candidate));
        shelf->groups = g_ptr_array_new();
        g_hash_table_insert(candidates->shelves, architecture, shelf);
    }
    return shelf;
}

/* ARCHITECTURE and the globs of all its targets. The lengths keep two lists apart, whatever bytes
 * their globs have. */
static char *group_key(const Descriptor *descriptor, const char *architecture) {
    GString *key = g_string_new(architecture);

    for (guint i = 0; i < descriptor->targets->len; i++) {
        const DescriptorTarget *target = descriptor->targets->pdata[i];

        for (char **glob = target->machines;
             *glob && g_str_equal(target->architecture, architecture); glob++)
            g_string_append_printf(key, "\n%zu:%s", strlen(*glob), *glob);
    }
    return g_string_free(key, FALSE);
}

/* GROUPS: key -> number of the group, plus 1. */
static guint get_group(
        Shelf *shelf, GHashTable *groups, const Descriptor *descriptor, const char *architecture) {
    char *key = group_key(descriptor, architecture);
    guint number = GPOINTER_TO_UINT(g_hash_table_lookup(groups, key));

    if (number > 0) {
        g_free(key);
        return number - 1;
    }
    g_ptr_array_add(shelf->groups, (gpointer)descriptor);
    g_hash_table_insert(groups, key, GUINT_TO_POINTER(shelf->groups->len));
    return shelf->groups->len - 1;
}

static void add_file(Candidates *candidates, GHashTable *groups, const CatalogFile *file) {
    const GPtrArray *targets = file->descriptor->targets;

    for (guint i = 0; i < targets->len; i++) {
        const DescriptorTarget *target = targets->pdata[i];
        Shelf *shelf = get_shelf(candidates, target->architecture);
        const Candidate *last = shelf->candidates->len > 0
                ? &g_array_index(shelf->candidates, Candidate, shelf->candidates->len - 1)
                : NULL;
        Candidate candidate = {.file = file};

        /* a second target of this architecture */
        if (last && last->file == file)
            continue;
        candidate.group = get_group(shelf, groups, file->descriptor, target->architecture);
        g_array_append_val(shelf->candidates, candidate);
    }
}

Candidates *candidates_new(const GPtrArray *firmware) {
    g_autoptr(GHashTable) groups = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    Candidates *candidates = g_new0(Candidates, 1);

    candidates->shelves = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, shelf_free);
    for (guint i = 0; i < firmware->len; i++) {
        const CatalogFile *file = firmware->pdata[i];

        if (file->descriptor)
            add_file(candidates, groups, file);
    }
    return candidates;
}

void candidates_free(Candidates *candidates) {
    if (!candidates)
        return;

    g_hash_table_unref(candidates->shelves);
    g_free(candidates);
}

void candidates_visit(
        const Candidates *candidates, const char *architecture, const char *machine,
        CandidateVisit visit, gpointer userdata) {
    enum {
        UNKNOWN,
        MATCHES,
        DIFFERS
    };
    const Shelf *shelf = g_hash_table_lookup(candidates->shelves, architecture);
    g_autofree guint8 *groups = shelf ? g_new0(guint8, shelf->groups->len) : NULL;

    for (guint i = 0; shelf && i < shelf->candidates->len; i++) {
        const Candidate *candidate = &g_array_index(shelf->candidates, Candidate, i);
        guint8 *group = &groups[candidate->group];

        if (*group == UNKNOWN)
            *group = descriptor_matches_machine(
                             shelf->groups->pdata[candidate->group], architecture, machine)
                    ? MATCHES
                    : DIFFERS;
        if (*group == MATCHES && !visit(candidate->file, userdata))
            return;
    }
}
