/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "receive.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/copy.h"
#include "base/file.h"
#include "error.h"
#include "progress.h"

/* Waits for data, showing progress. */
static void wait_for_data(int fd, Progress *progress, guint64 done, guint64 total) {
    struct pollfd wait = {.fd = fd, .events = POLLIN};

    while (poll(&wait, 1, 500) == 0)
        progress_update(progress, done, total);
    progress_update(progress, done, total);
}

/* Always sets *RET_DONE. */
static int copy_pipe(int from, int to, Progress *progress, guint64 total, guint64 *ret_done) {
    g_autofree guint8 *chunk = g_malloc(FILE_CHUNK_SIZE);

    *ret_done = 0;
    for (;;) {
        ssize_t n;
        int r;

        wait_for_data(from, progress, *ret_done, total);
        n = read(from, chunk, FILE_CHUNK_SIZE);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        /* standard output may be a pipe, a device, or a file that holds something already */
        r = to == STDOUT_FILENO ? file_write_all(to, chunk, (gsize)n)
                                : copy_chunk(to, chunk, (gsize)n);
        if (r < 0)
            return r;
        *ret_done += (guint64)n;
    }
}

gboolean receive_nvram(
        Context *context, int from, int to, guint64 size, const char *filename, GError **error) {
    g_autofree char *label = g_strdup_printf("vmfirmwarectl: %s", context->what);
    g_auto(Progress) progress = {};
    guint64 done;
    int r;

    progress_begin(&progress, label);
    r = copy_pipe(from, to, &progress, size, &done);
    if (r == 0 && done != size) {
        g_set_error(
                error, CLIENT_ERROR, CLIENT_ERROR_FAILURE,
                "%s: the service sent %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                " bytes; %s was not written; try again",
                context->what, done, size, filename);
        return FALSE;
    }
    if (r < 0)
        g_set_error(error, CLIENT_ERROR, CLIENT_ERROR_FAILURE, "%s: %s", filename, g_strerror(-r));
    return r == 0;
}
