/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Shows on a terminal that something goes on, from its second second on. */
typedef struct Progress {
    const char *what;
    gint64 begin;    /* monotonic, in µs */
    gint64 shown_at; /* the same; 0: never */
    gboolean is_terminal;
} Progress;

/* WHAT stays the caller's, and outlives it. */
void progress_begin(Progress *progress, const char *what);

/* To be called at least every second. TOTAL 0: it is not known. */
void progress_update(Progress *progress, guint64 done, guint64 total);

/* Leaves the line as if nothing had been there. */
void progress_clear(Progress *progress);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Progress, progress_clear)
