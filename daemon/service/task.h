/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <systemd/sd-event.h>

/*
 * Runs one function on a worker thread, and reports its end on the event loop: for work that waits
 * for a disk or another program. A thread that has ended its function serves the next one that
 * comes soon.
 */

typedef struct Task Task;

/* A thread that waits for a file system that does not answer cannot be stopped. After so many
 * seconds in which it has not run, it is reported. */
#define TASK_STALL_SEC 5

typedef struct TaskFunctions {
    void (*run)(gpointer data);  /* on the thread; the data is its own until DONE */
    void (*done)(gpointer data); /* on the event loop */
    /* NULL, or called on the event loop each STALL_SEC while RUN stalls, until TRUE is returned */
    gboolean (*stalled)(gpointer data);
    guint stall_sec; /* 0: TASK_STALL_SEC */
} TaskFunctions;

/* Returns 0 or a negative errno; nothing runs then. */
int task_start(sd_event *event, const TaskFunctions *functions, gpointer data, Task **ret)
        G_GNUC_WARN_UNUSED_RESULT;

/* Waits for RUN. DONE is not called any more; DONE itself may call this. NULL is fine. */
void task_free(Task *task);

/* Waits for the RUN of all tasks. FALSE: one has not returned after USEC microseconds. A thread
 * that stalls blocks task_free(), but not the exit of the process. */
gboolean task_wait_for_all(guint64 usec) G_GNUC_WARN_UNUSED_RESULT;
