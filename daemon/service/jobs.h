/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>
#include <systemd/sd-event.h>

#include <glib.h>

/*
 * File work on worker threads. The jobs of one owner run one at a time, in the order of their
 * arrival. Owners are served round robin. The number of concurrent jobs is limited.
 */

#define JOBS_MAX_RUNNING 4
/* Limit of additional jobs that wait for an unresponsive file system. */
#define JOBS_MAX_STALLED 16

typedef struct Jobs Jobs;

typedef struct JobFunctions {
    /* On the event loop, after all earlier jobs of its owners. Returns FALSE if there is nothing to
     * run; then the job is over. */
    gboolean (*start)(gpointer data);
    void (*run)(gpointer data);     /* on a worker thread */
    void (*started)(gpointer data); /* on the event loop, or NULL: a thread has RUN to run */
    void (*done)(gpointer data);    /* on the event loop */
    /* On the event loop, or NULL: RUN stalls (see task.h), and jobs of other owners run in its
     * place. Called again while it stalls, until it returns TRUE: the job is abandoned. Then DONE
     * is not called, and later jobs of its owners do not wait for RUN, which must change nothing
     * any more. */
    gboolean (*stalled)(gpointer data);
    void (*free)(gpointer data); /* on the event loop, last, when RUN has returned */
} JobFunctions;

Jobs *jobs_new(sd_event *event) G_GNUC_WARN_UNUSED_RESULT;
/* Waits for running and abandoned jobs; frees all others. */
void jobs_free(Jobs *jobs);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Jobs, jobs_free)

/* OTHER is a second owner whose files the job touches, or OWNER again. The job waits for earlier
 * jobs of both owners, and later jobs of both wait for it. START is not called before this function
 * returns. */
void jobs_add(Jobs *jobs, uid_t owner, uid_t other, const JobFunctions *functions, gpointer data);
typedef struct JobsStats {
    guint n_running; /* without stalled jobs */
    guint n_stalled;
} JobsStats;
JobsStats jobs_get_stats(const Jobs *jobs);

/* Frees the job of OWNER with DATA if it has not started. */
void jobs_remove(Jobs *jobs, uid_t owner, gconstpointer data);
