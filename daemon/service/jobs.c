/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service/jobs.h"

#include "service/task.h"

typedef struct OwnerQueue OwnerQueue;

/* A job of one owner, or of two: then it waits in both queues, and each has a reference. */
typedef struct Job {
    Jobs *jobs;
    OwnerQueue
            *queues[2]; /* the second is NULL for a job of one owner, both for an abandoned one */
    JobFunctions functions;
    gpointer data;
    Task *task;
    gboolean is_stalled;
} Job;

/* In Jobs.turns while it has waiting jobs and no running one. */
struct OwnerQueue {
    uid_t owner;
    GQueue waiting; /* of Job */
    Job *running;
};

struct Jobs {
    sd_event *event;
    sd_event_source *kick; /* starts jobs from the event loop */
    GHashTable *owners;    /* uid -> OwnerQueue */
    GQueue turns;          /* of OwnerQueue */
    JobsStats stats;
    GPtrArray *abandoned; /* of Job: RUN has not returned */
};

static void job_clear(gpointer data) {
    Job *job = data;

    task_free(job->task);
    job->functions.free(job->data);
}

static void job_unref(gpointer job) {
    g_rc_box_release_full(job, job_clear);
}

static void queue_free(gpointer data) {
    OwnerQueue *queue = data;

    if (queue->running)
        job_unref(queue->running);
    g_queue_clear_full(&queue->waiting, job_unref);
    g_free(queue);
}

static void kick(Jobs *jobs) {
    (void)sd_event_source_set_enabled(jobs->kick, SD_EVENT_ONESHOT);
}

static void leave_queue(Jobs *jobs, OwnerQueue *queue) {
    job_unref(g_steal_pointer(&queue->running));
    if (g_queue_is_empty(&queue->waiting))
        g_hash_table_remove(jobs->owners, GUINT_TO_POINTER(queue->owner));
    else
        g_queue_push_tail(&jobs->turns, queue);
}

/* Frees JOB if nothing else has a reference. */
static void leave_queues(Job *job) {
    Jobs *jobs = job->jobs;
    OwnerQueue *own = g_steal_pointer(&job->queues[0]);
    OwnerQueue *other = g_steal_pointer(&job->queues[1]);

    leave_queue(jobs, own);
    if (other)
        leave_queue(jobs, other);
    kick(jobs);
}

static void finish_job(Job *job) {
    if (job->is_stalled)
        job->jobs->stats.n_stalled--;
    else
        job->jobs->stats.n_running--;
    leave_queues(job);
}

static void on_run(gpointer data) {
    Job *job = data;

    job->functions.run(job->data);
}

static void on_done(gpointer data) {
    Job *job = data;
    Jobs *jobs = job->jobs;

    if (job->queues[0]) {
        job->functions.done(job->data);
        finish_job(job);
        return;
    }
    jobs->stats.n_stalled--;
    (void)g_ptr_array_remove_fast(jobs->abandoned, job);
    kick(jobs);
}

static gboolean on_stalled(gpointer data) {
    Job *job = data;
    Jobs *jobs = job->jobs;

    if (!job->is_stalled) {
        if (jobs->stats.n_stalled >= JOBS_MAX_STALLED)
            return FALSE;
        job->is_stalled = TRUE;
        jobs->stats.n_stalled++;
        jobs->stats.n_running--;
        kick(jobs);
    }
    if (!job->functions.stalled || !job->functions.stalled(job->data))
        return job->functions.stalled == NULL;

    g_ptr_array_add(jobs->abandoned, g_rc_box_acquire(job));
    leave_queues(job);
    return TRUE;
}

/* Returns TRUE if JOB is the next job of each of its owners, and none of their jobs runs. */
static gboolean can_start(const Job *job) {
    for (gsize i = 0; i < G_N_ELEMENTS(job->queues); i++) {
        OwnerQueue *queue = job->queues[i];

        if (queue && (queue->running || g_queue_peek_head(&queue->waiting) != job))
            return FALSE;
    }
    return TRUE;
}

static void start_job(Job *job) {
    static const TaskFunctions functions = {.run = on_run, .done = on_done, .stalled = on_stalled};
    Jobs *jobs = job->jobs;

    for (gsize i = 0; i < G_N_ELEMENTS(job->queues); i++)
        if (job->queues[i]) {
            job->queues[i]->running = g_queue_pop_head(&job->queues[i]->waiting);
            (void)g_queue_remove(&jobs->turns, job->queues[i]);
        }
    jobs->stats.n_running++;
    if (!job->functions.start(job->data)) {
        finish_job(job);
        return;
    }
    /* without a thread, the job runs on the event loop: a late answer is better than none */
    if (task_start(jobs->event, &functions, job, &job->task) < 0) {
        on_run(job);
        on_done(job);
    } else if (job->functions.started) {
        job->functions.started(job->data);
    }
}

static int on_kick(sd_event_source *source, void *userdata) {
    Jobs *jobs = userdata;
    guint n = g_queue_get_length(&jobs->turns);

    for (; n > 0 && jobs->stats.n_running < JOBS_MAX_RUNNING; n--) {
        OwnerQueue *queue = g_queue_pop_head(&jobs->turns);
        Job *job;

        /* a job of two owners has also taken the second owner's turn */
        if (!queue)
            break;
        job = g_queue_peek_head(&queue->waiting);
        g_queue_push_tail(&jobs->turns, queue);
        if (can_start(job))
            start_job(job);
    }
    return 0;
}

Jobs *jobs_new(sd_event *event) {
    Jobs *jobs = g_new0(Jobs, 1);

    jobs->event = sd_event_ref(event);
    jobs->owners = g_hash_table_new_full(NULL, NULL, NULL, queue_free);
    jobs->abandoned = g_ptr_array_new_with_free_func(job_unref);
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
    g_ptr_array_unref(jobs->abandoned);
    sd_event_source_unref(jobs->kick);
    sd_event_unref(jobs->event);
    g_free(jobs);
}

static OwnerQueue *enter_queue(Jobs *jobs, uid_t owner, Job *job) {
    OwnerQueue *queue = g_hash_table_lookup(jobs->owners, GUINT_TO_POINTER(owner));

    if (!queue) {
        queue = g_new0(OwnerQueue, 1);
        queue->owner = owner;
        g_queue_init(&queue->waiting);
        g_hash_table_insert(jobs->owners, GUINT_TO_POINTER(owner), queue);
    }
    if (!queue->running && g_queue_is_empty(&queue->waiting))
        g_queue_push_tail(&jobs->turns, queue);
    g_queue_push_tail(&queue->waiting, job);
    return queue;
}

void jobs_add(Jobs *jobs, uid_t owner, uid_t other, const JobFunctions *functions, gpointer data) {
    Job *job = g_rc_box_new0(Job);

    job->jobs = jobs;
    job->functions = *functions;
    job->data = data;
    job->queues[0] = enter_queue(jobs, owner, job);
    if (other != owner)
        job->queues[1] = enter_queue(jobs, other, g_rc_box_acquire(job));
    kick(jobs);
}

static Job *find_waiting(const Jobs *jobs, uid_t owner, gconstpointer data) {
    const OwnerQueue *queue = g_hash_table_lookup(jobs->owners, GUINT_TO_POINTER(owner));

    for (const GList *l = queue ? queue->waiting.head : NULL; l; l = l->next)
        if (((const Job *)l->data)->data == data)
            return l->data;
    return NULL;
}

static void drop_waiting(Jobs *jobs, OwnerQueue *queue, Job *job) {
    (void)g_queue_remove(&queue->waiting, job);
    if (!queue->running && g_queue_is_empty(&queue->waiting)) {
        (void)g_queue_remove(&jobs->turns, queue);
        g_hash_table_remove(jobs->owners, GUINT_TO_POINTER(queue->owner));
    }
    job_unref(job);
}

void jobs_remove(Jobs *jobs, uid_t owner, gconstpointer data) {
    Job *job = find_waiting(jobs, owner, data);
    OwnerQueue *other;

    if (!job)
        return;
    other = job->queues[1];
    drop_waiting(jobs, job->queues[0], job);
    if (other)
        drop_waiting(jobs, other, job);
    /* another job may have waited for the removed one */
    kick(jobs);
}

JobsStats jobs_get_stats(const Jobs *jobs) {
    return jobs->stats;
}
