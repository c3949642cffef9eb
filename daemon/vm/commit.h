/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * One decision between two threads: the worker thread of an operation publishes its change, or the
 * event loop abandons the operation, whichever is first. An abandoned operation never publishes, so
 * later operations on the same files need not wait for its thread.
 */

/* All zero: undecided. */
typedef struct Commit {
    gint state;
} Commit;

/* Called directly before the change is published. FALSE: the operation was abandoned. COMMIT may be
 * NULL: nobody abandons it. */
gboolean commit_begin(Commit *commit) G_GNUC_WARN_UNUSED_RESULT;

/* FALSE: the change is being published, or is published. */
gboolean commit_abandon(Commit *commit) G_GNUC_WARN_UNUSED_RESULT;
