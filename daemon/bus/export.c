/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/export.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bus/state.h"
#include "base/error.h"
#include "service/task.h"

/* The rest of an Export: a pipe that a worker thread fills. A complete pipe counts against the
 * limit of its uid until the last reader closes it, because the kernel charges its buffer to the
 * service. */

#define STALL_TIMEOUT_MSEC 10000
#define CHUNK_SIZE (64 * 1024)

typedef struct Export {
    uid_t uid;
    FileFd file;
    guint64 size;
    FileFd lease; /* -1: the caller has paused the guest */
    FileFd pipe;  /* the write end */
    FileFd inode; /* the pipe opened with O_PATH, which counts as neither reader nor writer */
    FileFd leave; /* an eventfd, readable when the service ends */
    Task *task;
} Export;

static void close_fd(FileFd *fd) {
    file_fd_close(*fd);
    *fd = FILE_FD_NONE;
}

/* Releases everything except the inode. */
static void stop_export(Export *export) {
    if (export->leave >= 0)
        (void)eventfd_write(export->leave, 1);
    g_clear_pointer(&export->task, task_free);
    close_fd(&export->file);
    close_fd(&export->lease);
    close_fd(&export->pipe);
    close_fd(&export->leave);
}

static void export_free(Export *export) {
    stop_export(export);
    file_fd_close(export->inode);
    g_free(export);
}

/* poll(2) reports POLLERR to the writer of a pipe without readers. */
static gboolean has_reader(const Export *export) {
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", export->inode);
    g_auto(FileFd) writer = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    struct pollfd poll_fd = {.fd = writer};

    return writer >= 0 && poll(&poll_fd, 1, 0) == 0;
}

static guint count_exports(const Bus *bus, uid_t uid) {
    guint n = 0;

    for (guint i = bus->exports->len; i-- > 0;) {
        const Export *export = bus->exports->pdata[i];

        if (!export->task && !has_reader(export))
            g_ptr_array_remove_index_fast(bus->exports, i);
        else
            n += export->uid == uid;
    }
    return n;
}

/* Returns FALSE if the reader has closed the pipe or timed out, or if the service ends. */
static gboolean write_chunk(const Export *export, const char *chunk, gsize size) {
    while (size > 0) {
        struct pollfd fds[] = {
                {.fd = export->pipe, .events = POLLOUT},
                {.fd = export->leave, .events = POLLIN},
        };
        ssize_t n;
        int r;

        r = poll(fds, G_N_ELEMENTS(fds), STALL_TIMEOUT_MSEC);
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0 || fds[1].revents)
            return FALSE;
        n = write(export->pipe, chunk, size);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return FALSE;
        if (n > 0) {
            chunk += n;
            size -= (gsize)n;
        }
    }
    return TRUE;
}

/* A reader detects a failure by receiving fewer bytes than announced. */
static void run_export(gpointer data) {
    const Export *export = data;
    g_autofree char *chunk = g_malloc(CHUNK_SIZE);
    guint64 offset = 0;

    while (offset < export->size) {
        gsize wanted = MIN(CHUNK_SIZE, export->size - offset);
        gsize n;

        if (file_read_at(export->file, offset, chunk, wanted, &n) < 0 || n < wanted ||
            !write_chunk(export, chunk, n))
            return;
        offset += n;
    }
}

static void finish_export(gpointer data) {
    stop_export(data);
}

gboolean bus_export_admit(Bus *bus, uid_t uid, GError **error) {
    const guint max = (guint)live_catalog_get_config(bus->live)->limits.exports_per_user;
    guint n = count_exports(bus, uid);

    if (n < max)
        return TRUE;

    bus->n_refused++;
    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_LIMITS_EXCEEDED,
            "Export: uid %u has %u pipes already that are being filled or not closed yet; "
            "ExportsPerUser= allows %u",
            (unsigned)uid, n, max);
    return FALSE;
}

int bus_export_begin(Bus *bus, uid_t uid, int file, guint64 size, int lease, int *ret_pipe) {
    static const TaskFunctions functions = {.run = run_export, .done = finish_export};
    Export *export = g_new0(Export, 1);
    g_autofree char *path = NULL;
    int ends[2];
    int r;

    export->uid = uid;
    export->file = file;
    export->size = size;
    export->lease = lease;
    export->pipe = export->inode = FILE_FD_NONE;
    export->leave = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (export->leave < 0 || pipe2(ends, O_CLOEXEC) < 0) {
        r = -errno;
        export_free(export);
        return r;
    }
    export->pipe = ends[1];
    path = g_strdup_printf("/proc/self/fd/%d", ends[1]);
    export->inode = open(path, O_PATH | O_CLOEXEC);
    r = export->inode < 0 || fcntl(ends[1], F_SETFL, O_NONBLOCK) < 0
            ? -errno
            : task_start(sd_bus_get_event(bus->connection), &functions, export, &export->task);
    if (r < 0) {
        file_fd_close(ends[0]);
        export_free(export);
        return r;
    }

    g_ptr_array_add(bus->exports, export);
    *ret_pipe = ends[0];
    return 0;
}

GPtrArray *bus_exports_new(void) {
    return g_ptr_array_new_with_free_func((GDestroyNotify)export_free);
}
