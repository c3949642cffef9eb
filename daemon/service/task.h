/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <systemd/sd-event.h>

/*
 * Runs one function on a thread of its own, and reports its end on the event loop: for work that waits
 * for a disk or another program.
 */

typedef struct Task Task;

/* RUN(DATA) is called on the thread, then DONE(DATA) on the loop; between the start and DONE the
 * data is RUN's alone. Returns 0 or a negative errno; nothing runs then. */
int task_start(
        sd_event *event, void (*run)(gpointer data), void (*done)(gpointer data), gpointer data,
        Task **ret);

/* Waits for RUN. DONE is not called any more; DONE itself may call this. NULL is fine. */
void task_free(Task *task);

/* Waits for the RUN of all tasks. FALSE: one has not returned after USEC microseconds. A thread that
 * waits for a file system that does not answer never returns, and hinders task_free(), but no exit. */
gboolean task_wait_for_all(guint64 usec) G_GNUC_WARN_UNUSED_RESULT;
