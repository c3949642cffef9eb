/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service/jobs.h"

#include "service/task.h"

typedef struct Job {
    Jobs *jobs;
    uid_t owner;
    JobFunctions functions;
    gpointer data;
    Task *task;
    gboolean is_stalled;
} Job;

/* Waits in Jobs.turns while it has jobs and none of them runs. */
typedef struct OwnerQueue {
    uid_t owner;
    GQueue waiting; /* of Job */
    Job *running;
} OwnerQueue;

struct Jobs {
    sd_event *event;
    sd_event_source *kick; /* starts what can be started, from the loop */
    GHashTable *owners;    /* uid -> OwnerQueue */
    GQueue turns;          /* of OwnerQueue */
    guint n_running;       /* without those that stall */
    guint n_stalled;
};

static void job_free(gpointer data) {
    Job *job = data;

    task_free(job->task);
    job->functions.free(job->data);
    g_free(job);
}

static void queue_free(gpointer data) {
    OwnerQueue *queue = data;

    if (queue->running)
        job_free(queue->running);
    g_queue_clear_full(&queue->waiting, job_free);
    g_free(queue);
}

static void kick(Jobs *jobs) {
    (void)sd_event_source_set_enabled(jobs->kick, SD_EVENT_ONESHOT);
}

/* QUEUE's job is over. */
static void finish_job(OwnerQueue *queue) {
    Job *job = g_steal_pointer(&queue->running);
    Jobs *jobs = job->jobs;

    if (job->is_stalled)
        jobs->n_stalled--;
    else
        jobs->n_running--;
    job_free(job);
    if (g_queue_is_empty(&queue->waiting))
        g_hash_table_remove(jobs->owners, GUINT_TO_POINTER(queue->owner));
    else
        g_queue_push_tail(&jobs->turns, queue);
    kick(jobs);
}

static void on_run(gpointer data) {
    Job *job = data;

    job->functions.run(job->data);
}

static void on_done(gpointer data) {
    Job *job = data;

    job->functions.done(job->data);
    finish_job(g_hash_table_lookup(job->jobs->owners, GUINT_TO_POINTER(job->owner)));
}

static gboolean on_stalled(gpointer data) {
    Job *job = data;
    Jobs *jobs = job->jobs;

    if (jobs->n_stalled >= JOBS_MAX_STALLED)
        return FALSE;
    job->is_stalled = TRUE;
    jobs->n_stalled++;
    jobs->n_running--;
    kick(jobs);
    if (job->functions.stalled)
        job->functions.stalled(job->data);
    return TRUE;
}

static void start_job(OwnerQueue *queue) {
    static const TaskFunctions functions = {.run = on_run, .done = on_done, .stalled = on_stalled};
    Job *job = g_queue_pop_head(&queue->waiting);

    queue->running = job;
    job->jobs->n_running++;
    if (!job->functions.start(job->data)) {
        finish_job(queue);
        return;
    }
    /* without a thread of its own it runs here: late is better than never */
    if (task_start(job->jobs->event, &functions, job, &job->task) < 0) {
        on_run(job);
        on_done(job);
    }
}

static int on_kick(sd_event_source *source, void *userdata) {
    Jobs *jobs = userdata;
    guint n = g_queue_get_length(&jobs->turns);

    for (; n > 0 && jobs->n_running < JOBS_MAX_RUNNING; n--)
        start_job(g_queue_pop_head(&jobs->turns));
    return 0;
}

Jobs *jobs_new(sd_event *event) {
    Jobs *jobs = g_new0(Jobs, 1);

    jobs->event = sd_event_ref(event);
    jobs->owners = g_hash_table_new_full(NULL, NULL, NULL, queue_free);
    if (sd_event_add_defer(event, &jobs->kick, on_kick, jobs) < 0)
        g_error("out of memory");
    (void)sd_event_source_set_enabled(jobs->kick, SD_EVENT_OFF);
    return jobs;
}

void jobs_free(Jobs *jobs) {
    if (!jobs)
        return;

    g_queue_clear(&jobs->turns);
    g_hash_table_unref(jobs->owners);
    sd_event_source_unref(jobs->kick);
    sd_event_unref(jobs->event);
    g_free(jobs);
}

void jobs_add(Jobs *jobs, uid_t owner, const JobFunctions *functions, gpointer data) {
    OwnerQueue *queue = g_hash_table_lookup(jobs->owners, GUINT_TO_POINTER(owner));
    Job *job = g_new0(Job, 1);

    job->jobs = jobs;
    job->owner = owner;
    job->functions = *functions;
    job->data = data;

    if (!queue) {
        queue = g_new0(OwnerQueue, 1);
        queue->owner = owner;
        g_queue_init(&queue->waiting);
        g_hash_table_insert(jobs->owners, GUINT_TO_POINTER(owner), queue);
    }
    if (!queue->running && g_queue_is_empty(&queue->waiting))
        g_queue_push_tail(&jobs->turns, queue);
    g_queue_push_tail(&queue->waiting, job);
    kick(jobs);
}
