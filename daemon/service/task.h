/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <systemd/sd-event.h>

/*
 * One function run beside the event loop, on a thread of its own, and its end told on the loop.
 * For what waits for a disk or another program: the loop itself never does.
 */

typedef struct Task Task;

/* RUN(DATA) is called on the thread, then DONE(DATA) on the loop; between the start and DONE the
 * data is RUN's alone. Returns 0 or a negative errno; nothing runs then. */
int task_start(
        sd_event *event, void (*run)(gpointer data), void (*done)(gpointer data), gpointer data,
        Task **ret);

/* Waits for RUN. DONE is not called any more; DONE itself may call this. NULL is fine. */
void task_free(Task *task);
