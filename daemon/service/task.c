/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service/task.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/file.h"

/* Threads whose RUN has not returned. */
static GMutex mutex;
static GCond returned;
static guint n_running;

struct Task {
    void (*run)(gpointer data);
    void (*done)(gpointer data);
    gpointer data;
    GThread *thread;
    FileFd end; /* an eventfd: readable when RUN has returned */
    sd_event_source *source;
};

static gpointer run_task(gpointer userdata) {
    Task *task = userdata;

    task->run(task->data);
    g_mutex_lock(&mutex);
    n_running--;
    g_cond_signal(&returned);
    g_mutex_unlock(&mutex);
    /* an eventfd at 0 takes a 1 */
    (void)eventfd_write(task->end, 1);
    return NULL;
}

static int on_end(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    Task *task = userdata;

    (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
    task->done(task->data);
    return 0;
}

int task_start(
        sd_event *event, void (*run)(gpointer data), void (*done)(gpointer data), gpointer data,
        Task **ret) {
    Task *task = g_new0(Task, 1);
    int r;

    task->run = run;
    task->done = done;
    task->data = data;
    task->end = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (task->end < 0) {
        r = -errno;
        task_free(task);
        return r;
    }

    r = sd_event_add_io(event, &task->source, task->end, EPOLLIN, on_end, task);
    if (r < 0) {
        task_free(task);
        return r;
    }

    /* the thread cannot decrement it before this */
    g_mutex_lock(&mutex);
    task->thread = g_thread_try_new("task", run_task, task, NULL);
    n_running += task->thread != NULL;
    g_mutex_unlock(&mutex);
    if (!task->thread) {
        task_free(task);
        return -EAGAIN;
    }

    *ret = task;
    return 0;
}

void task_free(Task *task) {
    if (!task)
        return;

    if (task->thread)
        (void)g_thread_join(task->thread);
    sd_event_source_unref(task->source);
    file_fd_close(task->end);
    g_free(task);
}

gboolean task_wait_for_all(guint64 usec) {
    gint64 deadline = g_get_monotonic_time() + (gint64)usec;
    gboolean is_in_time = TRUE;
    gboolean have_returned;

    g_mutex_lock(&mutex);
    while (n_running > 0 && is_in_time)
        is_in_time = g_cond_wait_until(&returned, &mutex, deadline);
    have_returned = n_running == 0;
    g_mutex_unlock(&mutex);
    return have_returned;
}
