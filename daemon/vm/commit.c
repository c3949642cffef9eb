/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/commit.h"

enum {
    UNDECIDED,
    BEGUN,
    ABANDONED
};

/* Returns TRUE if STATE is the decision, made now or before. */
static gboolean decide(Commit *commit, gint state) {
    return g_atomic_int_compare_and_exchange(&commit->state, UNDECIDED, state) ||
            g_atomic_int_get(&commit->state) == state;
}

gboolean commit_begin(Commit *commit) {
    return !commit || decide(commit, BEGUN);
}

gboolean commit_abandon(Commit *commit) {
    return decide(commit, ABANDONED);
}
