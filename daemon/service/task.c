/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service/task.h"

#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"

/* An idle thread waits so long for the next task: a series of calls pays for one thread. */
#define IDLE_USEC (G_USEC_PER_SEC / 10)

static GMutex mutex;
static GCond arrived;  /* a task has come */
static GCond returned; /* the RUN of a task has returned */
static GQueue waiting; /* of Task: each has an idle thread */
static GQueue ended;   /* of Task: RUN has returned, and DONE is to be called */
static guint n_idle;   /* threads */
static guint n_running;

/* One for all tasks, because a descriptor of each would cost four system calls. The event loop owns
 * the source. */
static FileFd end_fd = FILE_FD_NONE; /* an eventfd, which is written to for each end */
static sd_event_source *end_source;  /* NULL: not yet */

struct Task {
    TaskFunctions functions;
    gpointer data;
    gboolean is_running; /* until RUN has returned */
    gboolean is_ended;   /* until DONE is called */
    GList end;           /* in ENDED if IS_ENDED */

    sd_event_source *timer; /* NULL: a stall is not reported */
    gint has_clock;
    clockid_t clock;    /* the thread's processor time */
    guint64 cpu_before; /* nanoseconds */
    guint n_still;      /* seconds in which the thread has not run */
};

static void run_task(Task *task) {
    if (pthread_getcpuclockid(pthread_self(), &task->clock) == 0)
        g_atomic_int_set(&task->has_clock, TRUE);
    task->functions.run(task->data);
}

/* With the mutex. The task can be freed as soon as the mutex is released. */
static void end_task(Task *task) {
    task->is_running = FALSE;
    n_running--;
    task->is_ended = TRUE;
    g_queue_push_tail_link(&ended, &task->end);
    g_cond_broadcast(&returned);
}

/* With the mutex. NULL: none has come for a while. */
static Task *wait_for_task(void) {
    gint64 deadline = g_get_monotonic_time() + IDLE_USEC;
    gboolean is_in_time = TRUE;

    while (g_queue_is_empty(&waiting) && is_in_time)
        is_in_time = g_cond_wait_until(&arrived, &mutex, deadline);
    return g_queue_pop_head(&waiting);
}

static gpointer run_tasks(gpointer first) {
    Task *task = first;

    g_mutex_lock(&mutex);
    while (task) {
        g_mutex_unlock(&mutex);
        run_task(task);
        g_mutex_lock(&mutex);
        end_task(task);
        n_idle++;
        g_mutex_unlock(&mutex);
        (void)eventfd_write(end_fd, 1);
        g_mutex_lock(&mutex);
        task = wait_for_task();
        n_idle--;
    }
    g_mutex_unlock(&mutex);
    return NULL;
}

/* Returns FALSE if there can be no more threads. */
static gboolean hand_over(Task *task) {
    GThread *thread = NULL;
    gboolean is_taken = TRUE;

    g_mutex_lock(&mutex);
    if (g_queue_get_length(&waiting) < n_idle) {
        g_queue_push_tail(&waiting, task);
        g_cond_signal(&arrived);
    } else {
        thread = g_thread_try_new("task", run_tasks, task, NULL);
        is_taken = thread != NULL;
    }
    /* the thread waits for the mutex to change them */
    task->is_running = is_taken;
    n_running += is_taken;
    g_mutex_unlock(&mutex);
    if (thread)
        g_thread_unref(thread);
    return is_taken;
}

static Task *take_ended(void) {
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&mutex);
    GList *link = g_queue_pop_head_link(&ended);
    Task *task = link ? link->data : NULL;

    if (task)
        task->is_ended = FALSE;
    return task;
}

static guint count_ended(void) {
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&mutex);

    return ended.length;
}

/* Those that have ended so far: others are waiting for the event loop as well. Who ends later
 * writes later, and is reported again. */
static int on_end(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    for (guint n = count_ended(); n > 0; n--) {
        Task *task = take_ended();

        /* another's DONE can have freed it */
        if (!task)
            break;
        task->timer = sd_event_source_unref(task->timer);
        task->functions.done(task->data);
    }
    return 0;
}

static void on_event_freed(void *userdata) {
    end_source = NULL;
}

static int listen_to_ends(sd_event *event) {
    int r;

    if (end_source) {
        g_assert(sd_event_source_get_event(end_source) == event);
        return 0;
    }
    if (end_fd < 0)
        end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (end_fd < 0)
        return -errno;
    /* edge-triggered: each write is reported, although nobody reads */
    r = sd_event_add_io(event, &end_source, end_fd, EPOLLIN | EPOLLET, on_end, NULL);
    if (r < 0)
        return r;
    (void)sd_event_source_set_destroy_callback(end_source, on_event_freed);
    (void)sd_event_source_set_floating(end_source, TRUE);
    (void)sd_event_source_unref(end_source);
    return 0;
}

/* A thread that waits for a file takes no processor time; one that waits for a processor takes
 * some. */
static gboolean has_run(Task *task) {
    struct timespec now;
    guint64 cpu;

    if (!g_atomic_int_get(&task->has_clock) || clock_gettime(task->clock, &now) < 0)
        return TRUE;
    cpu = (guint64)now.tv_sec * 1000000000 + (guint64)now.tv_nsec;
    if (cpu == task->cpu_before)
        return FALSE;
    task->cpu_before = cpu;
    return TRUE;
}

/* Counts the looks, not the time: a service that was stopped meanwhile did not look. */
static int on_second(sd_event_source *source, uint64_t usec, void *userdata) {
    Task *task = userdata;

    task->n_still = has_run(task) ? 0 : task->n_still + 1;
    if (task->n_still == (task->functions.stall_sec ? task->functions.stall_sec : TASK_STALL_SEC)) {
        task->n_still = 0;
        if (task->functions.stalled(task->data))
            return 0;
    }
    (void)sd_event_source_set_time_relative(source, G_USEC_PER_SEC);
    (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    return 0;
}

int task_start(sd_event *event, const TaskFunctions *functions, gpointer data, Task **ret) {
    Task *task;
    int r = listen_to_ends(event);

    if (r < 0)
        return r;
    task = g_new0(Task, 1);
    task->functions = *functions;
    task->data = data;
    task->end.data = task;
    if (functions->stalled)
        r = sd_event_add_time_relative(
                event, &task->timer, CLOCK_MONOTONIC, G_USEC_PER_SEC, 0, on_second, task);
    if (r >= 0 && !hand_over(task))
        r = -EAGAIN;
    if (r < 0) {
        task_free(task);
        return r;
    }

    *ret = task;
    return 0;
}

void task_free(Task *task) {
    if (!task)
        return;

    g_mutex_lock(&mutex);
    while (task->is_running)
        g_cond_wait(&returned, &mutex);
    if (task->is_ended)
        g_queue_unlink(&ended, &task->end);
    g_mutex_unlock(&mutex);
    sd_event_source_unref(task->timer);
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
