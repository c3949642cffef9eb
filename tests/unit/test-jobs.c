/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service/jobs.h"

#include <string.h>

#include "service/sd-cleanup.h"
#include "service/task.h"

/* In which order jobs of one owner, of two and of many run, and how many at once; and that their
 * ends leave the event loop time for others. */

typedef struct Fixture {
    sd_event *event;
    Jobs *jobs;
    GMutex mutex;
    GCond cond;
    GString *log;   /* "a+" a began to run, "a-" it is done */
    guint n_held;   /* jobs that run and wait for the test */
    guint n_may_go; /* of them */
    guint n_started;
    guint n_freed;
} Fixture;

typedef struct TestJob {
    Fixture *f;
    const char *name;
    gboolean has_nothing_to_do;
} TestJob;

static gboolean start(gpointer data) {
    const TestJob *job = data;

    if (job->has_nothing_to_do)
        g_string_append_printf(job->f->log, "%s! ", job->name);
    return !job->has_nothing_to_do;
}

static void run(gpointer data) {
    const TestJob *job = data;
    Fixture *f = job->f;
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&f->mutex);

    g_string_append_printf(f->log, "%s+ ", job->name);
    f->n_held++;
    g_cond_broadcast(&f->cond);
    while (f->n_may_go == 0)
        g_cond_wait(&f->cond, &f->mutex);
    f->n_may_go--;
    f->n_held--;
}

static void started(gpointer data) {
    ((const TestJob *)data)->f->n_started++;
}

static void done(gpointer data) {
    const TestJob *job = data;
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&job->f->mutex);

    g_string_append_printf(job->f->log, "%s- ", job->name);
}

static void free_job(gpointer data) {
    TestJob *job = data;

    job->f->n_freed++;
    g_free(job);
}

static const JobFunctions functions = {
        .start = start, .run = run, .started = started, .done = done, .free = free_job};

static Fixture *fixture_new(void) {
    Fixture *f = g_new0(Fixture, 1);

    g_assert_cmpint(sd_event_new(&f->event), >=, 0);
    f->jobs = jobs_new(f->event);
    g_mutex_init(&f->mutex);
    g_cond_init(&f->cond);
    f->log = g_string_new(NULL);
    return f;
}

static void fixture_free(Fixture *f) {
    jobs_free(f->jobs);
    sd_event_unref(f->event);
    g_mutex_clear(&f->mutex);
    g_cond_clear(&f->cond);
    (void)g_string_free(f->log, TRUE);
    g_free(f);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Fixture, fixture_free)

static TestJob *add(Fixture *f, const char *name, uid_t owner, uid_t other) {
    TestJob *job = g_new0(TestJob, 1);

    job->f = f;
    job->name = name;
    jobs_add(f->jobs, owner, other, &functions, job);
    return job;
}

/* Lets the loop do what it can, until N jobs run and wait. */
static void wait_held(Fixture *f, guint n) {
    gint64 end = g_get_monotonic_time() + G_TIME_SPAN_MINUTE;
    guint n_held = G_MAXUINT;

    while (n_held != n) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_assert_cmpint(sd_event_run(f->event, 1000), >=, 0);
        g_mutex_lock(&f->mutex);
        n_held = f->n_held;
        g_mutex_unlock(&f->mutex);
    }
}

static void wait_logged(Fixture *f, const char *end_of_log) {
    gint64 end = g_get_monotonic_time() + G_TIME_SPAN_MINUTE;
    gboolean is_logged = FALSE;

    while (!is_logged) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_assert_cmpint(sd_event_run(f->event, 1000), >=, 0);
        g_mutex_lock(&f->mutex);
        is_logged = g_str_has_suffix(f->log->str, end_of_log);
        g_mutex_unlock(&f->mutex);
    }
}

static void let_go(Fixture *f, guint n) {
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&f->mutex);

    f->n_may_go += n;
    g_cond_broadcast(&f->cond);
}

static void jobs_of_one_owner_run_in_their_order(void) {
    g_autoptr(Fixture) f = fixture_new();

    (void)add(f, "a", 1, 1);
    (void)add(f, "b", 1, 1);
    g_assert_cmpstr(f->log->str, ==, "");
    wait_held(f, 1);
    g_assert_cmpstr(f->log->str, ==, "a+ ");
    let_go(f, 2);
    wait_logged(f, "a+ a- b+ b- ");
    g_assert_cmpuint(f->n_freed, ==, 2);
}

static void a_job_without_work_is_over_at_once(void) {
    g_autoptr(Fixture) f = fixture_new();

    add(f, "a", 1, 2)->has_nothing_to_do = TRUE;
    (void)add(f, "b", 1, 1);
    wait_held(f, 1);
    g_assert_cmpuint(f->n_started, ==, 1);
    let_go(f, 1);
    wait_logged(f, "a! b+ b- ");
    g_assert_cmpuint(f->n_freed, ==, 2);
}

static void owners_take_turns_and_a_few_run_at_once(void) {
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    g_autoptr(Fixture) f = fixture_new();

    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        for (guint n = 0; n < 2; n++)
            (void)add(f, names[i], i + 1, i + 1);
    wait_held(f, JOBS_MAX_RUNNING);
    for (guint i = 0; i < JOBS_MAX_RUNNING; i++)
        g_assert_nonnull(strstr(f->log->str, names[i]));
    g_assert_null(strstr(f->log->str, "e+"));
    /* whoever was first waits for the others now */
    let_go(f, 1);
    wait_logged(f, "e+ ");
    let_go(f, 1);
    wait_logged(f, "f+ ");
    let_go(f, 10);
    while (f->n_freed < 12)
        g_assert_cmpint(sd_event_run(f->event, 1000), >=, 0);
}

static void a_job_of_two_owners_is_in_order_with_both(void) {
    g_autoptr(Fixture) f = fixture_new();

    (void)add(f, "a", 1, 1);
    (void)add(f, "ab", 2, 1);
    (void)add(f, "b", 2, 2);
    (void)add(f, "c", 1, 1);
    wait_held(f, 1);
    g_assert_cmpstr(f->log->str, ==, "a+ ");
    let_go(f, 1);
    wait_logged(f, "a+ a- ab+ ");
    wait_held(f, 1);
    let_go(f, 1);
    wait_held(f, 2);
    g_assert_true(g_str_has_prefix(f->log->str, "a+ a- ab+ ab- "));
    let_go(f, 2);
    while (f->n_freed < 4)
        g_assert_cmpint(sd_event_run(f->event, 1000), >=, 0);
}

static void two_jobs_of_the_same_two_owners_do_not_block_each_other(void) {
    g_autoptr(Fixture) f = fixture_new();

    (void)add(f, "a", 1, 2);
    (void)add(f, "b", 2, 1);
    let_go(f, 2);
    wait_logged(f, "a+ a- b+ b- ");
}

static void a_removed_job_never_runs(void) {
    g_autoptr(Fixture) f = fixture_new();
    const TestJob *a = add(f, "a", 1, 1);
    const TestJob *ab = add(f, "ab", 1, 2);
    const TestJob *c = add(f, "c", 3, 3);

    (void)add(f, "b", 2, 2);
    jobs_remove(f->jobs, 3, c);
    g_assert_cmpuint(f->n_freed, ==, 1);
    wait_held(f, 1);
    /* one that runs is not removed, and neither is another owner's */
    jobs_remove(f->jobs, 1, a);
    jobs_remove(f->jobs, 3, ab);
    g_assert_cmpuint(f->n_freed, ==, 1);
    jobs_remove(f->jobs, 1, ab);
    g_assert_cmpuint(f->n_freed, ==, 2);
    wait_logged(f, "a+ b+ ");
    let_go(f, 2);
    while (f->n_freed < 4)
        g_assert_cmpint(sd_event_run(f->event, 1000), >=, 0);
    g_assert_null(strstr(f->log->str, "ab"));
    g_assert_null(strstr(f->log->str, "c"));
}

static void jobs_that_have_not_begun_are_freed(void) {
    g_autoptr(Fixture) f = fixture_new();

    (void)add(f, "a", 1, 1);
    wait_held(f, 1);
    (void)add(f, "b", 1, 2);
    (void)add(f, "c", 3, 3);
    let_go(f, 1);
    g_clear_pointer(&f->jobs, jobs_free);
    g_assert_cmpstr(f->log->str, ==, "a+ ");
    g_assert_cmpuint(f->n_freed, ==, 3);
}

static gboolean abandon(gpointer data) {
    return TRUE;
}

static void an_abandoned_job_stops_nobody(void) {
    static const JobFunctions abandoned_functions = {
            .start = start, .run = run, .done = done, .stalled = abandon, .free = free_job};
    g_autoptr(Fixture) f = fixture_new();
    TestJob *a = g_new0(TestJob, 1);

    a->f = f;
    a->name = "a";
    jobs_add(f->jobs, 1, 2, &abandoned_functions, a);
    (void)add(f, "b", 1, 1);
    (void)add(f, "c", 2, 2);
    wait_held(f, 1);
    g_assert_cmpstr(f->log->str, ==, "a+ ");
    /* when it has stalled */
    wait_held(f, 3);
    jobs_remove(f->jobs, 1, a);
    g_assert_cmpuint(f->n_freed, ==, 0);
    let_go(f, 3);
    while (f->n_freed < 3)
        g_assert_cmpint(sd_event_run(f->event, 1000), >=, 0);
    g_assert_null(strstr(f->log->str, "a-"));
    g_assert_nonnull(strstr(f->log->str, "b-"));
    g_assert_nonnull(strstr(f->log->str, "c-"));
}

/* -- other work of the event loop ---------------------------------------------------------- */

#define CHAIN 20

typedef struct Chain {
    sd_event *event;
    Task *task;
    guint n_done;
    gboolean is_other_done; /* the event loop's other work */
} Chain;

static int on_other(sd_event_source *source, void *userdata) {
    Chain *chain = userdata;

    chain->is_other_done = TRUE;
    return 0;
}

static void run_nothing(gpointer data) {
}

static void start_next(Chain *chain);

static void end_one(gpointer data) {
    Chain *chain = data;

    if (chain->n_done++ == 0)
        g_assert_cmpint(sd_event_add_defer(chain->event, NULL, on_other, chain), >=, 0);
    g_clear_pointer(&chain->task, task_free);
    if (chain->n_done < CHAIN)
        start_next(chain);
}

static void start_next(Chain *chain) {
    static const TaskFunctions next = {.run = run_nothing, .done = end_one};

    g_assert_cmpint(task_start(chain->event, &next, chain, &chain->task), ==, 0);
    g_usleep(1000); /* until it has ended, probably */
}

/* However fast the next one ends that the end of one starts. */
static void ends_let_other_work_pass(void) {
    g_autoptr(sd_event) event = NULL;
    Chain chain = {0};

    g_assert_cmpint(sd_event_new(&event), >=, 0);
    chain.event = event;
    start_next(&chain);
    while (chain.n_done < CHAIN)
        g_assert_cmpint(sd_event_run(event, 1000), >=, 0);
    g_assert_true(chain.is_other_done);
}

int main(int argc, char **argv) {
    g_test_init(&argc, &argv, NULL);
    g_test_add_func(
            "/jobs/jobs-of-one-owner-run-in-their-order", jobs_of_one_owner_run_in_their_order);
    g_test_add_func("/jobs/a-job-without-work-is-over-at-once", a_job_without_work_is_over_at_once);
    g_test_add_func(
            "/jobs/owners-take-turns-and-a-few-run-at-once",
            owners_take_turns_and_a_few_run_at_once);
    g_test_add_func(
            "/jobs/a-job-of-two-owners-is-in-order-with-both",
            a_job_of_two_owners_is_in_order_with_both);
    g_test_add_func(
            "/jobs/two-jobs-of-the-same-two-owners-do-not-block-each-other",
            two_jobs_of_the_same_two_owners_do_not_block_each_other);
    g_test_add_func("/jobs/a-removed-job-never-runs", a_removed_job_never_runs);
    g_test_add_func("/jobs/jobs-that-have-not-begun-are-freed", jobs_that_have_not_begun_are_freed);
    g_test_add_func("/jobs/an-abandoned-job-stops-nobody", an_abandoned_job_stops_nobody);
    g_test_add_func("/jobs/ends-let-other-work-pass", ends_let_other_work_pass);
    return g_test_run();
}
