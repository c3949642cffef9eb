/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/senders.h"

#include <sys/socket.h>

#include "bus/strangers.h"
#include "util.h"

/* Callers whose uid the bus has yet to report. The bus is the other end of a connection. */

/* Above the first time limit of a question. */
#define DELAY_USEC (G_USEC_PER_SEC * 6 / 5)

typedef struct SlowBus {
    sd_event *event;
    GQueue questions; /* of sd_bus_message */
    guint n_asked;
} SlowBus;

static int answer(sd_event_source *source, uint64_t usec, void *userdata) {
    SlowBus *slow = userdata;
    g_autoptr(sd_bus_message) question = g_queue_pop_head(&slow->questions);

    g_assert_cmpint(sd_bus_reply_method_return(question, "u", 1000), >=, 0);
    return 0;
}

static int on_question(sd_bus_message *question, void *userdata, sd_bus_error *ret_error) {
    SlowBus *slow = userdata;

    g_queue_push_tail(&slow->questions, sd_bus_message_ref(question));
    slow->n_asked++;
    g_assert_cmpint(
            sd_event_add_time_relative(
                    slow->event, NULL, CLOCK_MONOTONIC, DELAY_USEC, 0, answer, slow),
            >=, 0);
    return 1;
}

static sd_bus *connection_new(sd_event *event, int fd, gboolean is_server) {
    sd_bus *bus = NULL;

    g_assert_cmpint(sd_bus_new(&bus), >=, 0);
    g_assert_cmpint(sd_bus_set_fd(bus, fd, fd), >=, 0);
    if (is_server)
        g_assert_cmpint(
                sd_bus_set_server(
                        bus, TRUE, SD_ID128_MAKE(1, 2, 3, 4, 5, 6, 7, 8, 9, a, b, c, d, e, f, 10)),
                >=, 0);
    g_assert_cmpint(sd_bus_start(bus), >=, 0);
    g_assert_cmpint(sd_bus_attach_event(bus, event, SD_EVENT_PRIORITY_NORMAL), >=, 0);
    return bus;
}

static void on_known(const char *name, uid_t uid, gpointer userdata) {
    g_assert_cmpstr(name, ==, ":1.7");
    g_assert_cmpuint(uid, ==, 1000);
    *(gboolean *)userdata = TRUE;
}

static void on_gone(const char *name, gpointer userdata) {
    g_assert_not_reached();
}

static void a_slow_bus_is_waited_for(void) {
    g_autoptr(sd_event) event = NULL;
    SlowBus slow = {.questions = G_QUEUE_INIT};
    gboolean is_known = FALSE;
    const SendersObserver observer = {.known = on_known, .gone = on_gone, .userdata = &is_known};
    uid_t uid = 0;
    int fds[2];

    g_assert_cmpint(sd_event_new(&event), >=, 0);
    slow.event = event;
    g_assert_no_errno(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds));
    {
        g_autoptr(sd_bus) server = connection_new(event, fds[0], TRUE);
        g_autoptr(sd_bus) client = connection_new(event, fds[1], FALSE);
        g_autoptr(Senders) senders = NULL;

        g_assert_cmpint(sd_bus_add_filter(server, NULL, on_question, &slow), >=, 0);
        g_assert_cmpint(senders_new(client, &observer, &senders), >=, 0);
        g_assert_cmpint(senders_find(senders, ":1.7", &uid), ==, 0);
        while (!is_known && slow.n_asked < 4)
            g_assert_cmpint(sd_event_run(event, UINT64_MAX), >=, 0);
        g_assert_true(is_known);
        g_assert_cmpint(senders_find(senders, ":1.7", &uid), ==, 1);
        g_assert_cmpuint(uid, ==, 1000);
    }
    while (!g_queue_is_empty(&slow.questions))
        (void)sd_bus_message_unref(g_queue_pop_head(&slow.questions));
}

/* -- waiting calls ------------------------------------------------------------------------- */

static guint add(Strangers *strangers, const char *sender, gsize size) {
    GQueue refused = G_QUEUE_INIT;
    guint n;

    strangers_add(strangers, sender, waiting_new(NULL, size), &refused);
    n = refused.length;
    g_queue_clear_full(&refused, (GDestroyNotify)waiting_free);
    return n;
}

static guint take(Strangers *strangers, const char *sender) {
    GQueue calls = G_QUEUE_INIT;
    guint n;

    strangers_take(strangers, sender, &calls);
    n = calls.length;
    g_queue_clear_full(&calls, (GDestroyNotify)waiting_free);
    return n;
}

static void the_sender_with_most_calls_gives_way(void) {
    g_autoptr(Strangers) strangers = strangers_new(8, 1000);

    for (int i = 0; i < 8; i++)
        g_assert_cmpuint(add(strangers, ":1.1", 1), ==, 0);
    g_assert_false(strangers_may_read(strangers, ":1.1"));
    g_assert_true(strangers_may_read(strangers, ":1.2"));
    for (int i = 0; i < 3; i++)
        g_assert_cmpuint(add(strangers, ":1.2", 1), ==, 1);
    g_assert_cmpuint(add(strangers, ":1.3", 1), ==, 1);
    g_assert_cmpuint(take(strangers, ":1.2"), ==, 3);
    g_assert_cmpuint(take(strangers, ":1.3"), ==, 1);
    g_assert_cmpuint(take(strangers, ":1.1"), ==, 4);
    g_assert_cmpuint(take(strangers, ":1.1"), ==, 0);
}

static void the_sender_with_most_bytes_gives_way(void) {
    g_autoptr(Strangers) strangers = strangers_new(8, 1000);

    g_assert_cmpuint(add(strangers, ":1.1", 400), ==, 0);
    g_assert_cmpuint(add(strangers, ":1.1", 400), ==, 0);
    g_assert_cmpuint(add(strangers, ":1.2", 300), ==, 1);
    g_assert_cmpuint(add(strangers, ":1.2", 700), ==, 1);
    g_assert_cmpuint(take(strangers, ":1.1"), ==, 1);
    g_assert_cmpuint(take(strangers, ":1.2"), ==, 1);
}

static void reading_takes_a_share_of_the_time(void) {
    g_autoptr(Strangers) strangers = strangers_new(8, 1000);
    const gint64 now = g_get_monotonic_time();

    strangers_charge(strangers, ":1.1", now - G_USEC_PER_SEC / 100);
    g_assert_true(strangers_may_read(strangers, ":1.1"));
    strangers_charge(strangers, ":1.1", now - G_USEC_PER_SEC * 10);
    g_assert_false(strangers_may_read(strangers, ":1.1"));
    g_assert_true(strangers_may_read(strangers, ":1.2"));
    /* known: the bill of its uid is another */
    g_assert_cmpuint(take(strangers, ":1.1"), ==, 0);
    g_assert_true(strangers_may_read(strangers, ":1.1"));
}

int main(int argc, char **argv) {
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/senders/slow-bus", a_slow_bus_is_waited_for);
    g_test_add_func("/senders/most-calls", the_sender_with_most_calls_gives_way);
    g_test_add_func("/senders/most-bytes", the_sender_with_most_bytes_gives_way);
    g_test_add_func("/senders/share", reading_takes_a_share_of_the_time);
    return g_test_run();
}
