/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Shows progress on a terminal, after one second. */
typedef struct Progress {
    const char *what;
    gint64 begin;    /* monotonic, in µs */
    gint64 shown_at; /* the same; 0: never */
    gboolean is_terminal;
} Progress;

/* WHAT is borrowed, and must outlive the progress. */
void progress_begin(Progress *progress, const char *what);

/* Must be called at least once a second. TOTAL 0: unknown. */
void progress_update(Progress *progress, guint64 done, guint64 total);

/* Erases the line. */
void progress_clear(Progress *progress);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Progress, progress_clear)
