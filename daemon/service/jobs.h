/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>
#include <systemd/sd-event.h>

#include <glib.h>

/*
 * File work on worker threads. The jobs of one owner run one at a time, in the order they came;
 * owners are served round robin; a few jobs run at once.
 */

#define JOBS_MAX_RUNNING 4
/* And so many that wait for a file system that does not answer. */
#define JOBS_MAX_STALLED 16

typedef struct Jobs Jobs;

typedef struct JobFunctions {
    /* On the loop, when all earlier jobs of its owners are done. FALSE: there is nothing to run,
     * and the job is over. */
    gboolean (*start)(gpointer data);
    void (*run)(gpointer data);  /* on a thread */
    void (*done)(gpointer data); /* on the loop */
    /* On the loop, or NULL: RUN stalls (see task.h). Jobs of other owners run in its place; those
     * of its own wait, for it may go on and change files. */
    void (*stalled)(gpointer data);
    void (*free)(gpointer data); /* on the loop; last */
} JobFunctions;

Jobs *jobs_new(sd_event *event) G_GNUC_WARN_UNUSED_RESULT;
/* Waits for those that run; the others are freed. */
void jobs_free(Jobs *jobs);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Jobs, jobs_free)

/* OTHER is a second owner whose files the job touches, or OWNER again: the job waits for the
 * earlier jobs of both, and the later ones of both wait for it. START is not called before this
 * returns. */
void jobs_add(Jobs *jobs, uid_t owner, uid_t other, const JobFunctions *functions, gpointer data);
/* Frees the job of OWNER with this data if it has not started. */
void jobs_remove(Jobs *jobs, uid_t owner, gconstpointer data);
