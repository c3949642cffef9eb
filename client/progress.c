/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#define DELAY (G_USEC_PER_SEC)
#define INTERVAL (G_USEC_PER_SEC / 2)

void progress_begin(Progress *progress, const char *what) {
    *progress = (Progress){
            .what = what,
            .begin = g_get_monotonic_time(),
            .is_terminal = isatty(STDERR_FILENO),
    };
}

void progress_update(Progress *progress, guint64 done, guint64 total) {
    gint64 now = g_get_monotonic_time();
    gint64 elapsed = now - progress->begin;

    if (!progress->is_terminal || elapsed < DELAY || now - progress->shown_at < INTERVAL)
        return;

    progress->shown_at = now;
    if (total > 0)
        (void)fprintf(
                stderr, "\r%s: %.0f %%\033[K", progress->what,
                100.0 * (double)done / (double)total);
    else
        (void)fprintf(
                stderr, "\r%s: still working, %" G_GINT64_FORMAT " s\033[K", progress->what,
                elapsed / G_USEC_PER_SEC);
    (void)fflush(stderr);
}

void progress_clear(Progress *progress) {
    if (progress->shown_at > 0)
        (void)fputs("\r\033[K", stderr);
    progress->shown_at = 0;
}
