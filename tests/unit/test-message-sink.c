/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/message-sink.h"

#include <errno.h>
#include <sys/socket.h>

#include "client/message.h"
#include "util-answer.h"

/* The two ends of a sink say the same. */

/* A connection that nobody reads from: messages can be made for it. */
static sd_bus *connection_new(int fds[2]) {
    g_autoptr(sd_bus) bus = NULL;

    g_assert_no_errno(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds));
    g_assert_cmpint(sd_bus_new(&bus), >=, 0);
    g_assert_cmpint(sd_bus_set_fd(bus, fds[0], fds[0]), >=, 0);
    g_assert_cmpint(sd_bus_start(bus), >=, 0);
    return g_steal_pointer(&bus);
}

static sd_bus_message *message_new(sd_bus *bus) {
    sd_bus_message *message = NULL;

    g_assert_cmpint(sd_bus_message_new_signal(bus, &message, "/p", "i.i", "M"), >=, 0);
    return message;
}

static void both_ends_say_the_same(void) {
    g_auto(TestAnswers) answers;
    int fds[2];
    g_autoptr(sd_bus) bus = connection_new(fds);

    test_answers_init(&answers);
    for (const TestShape *shape = test_shapes; shape->name; shape++) {
        g_autoptr(sd_bus_message) message = message_new(bus);
        g_autoptr(GVariant) expected = test_shape_to_variant(shape, &answers);
        g_autoptr(GVariant) body = NULL;
        g_autoptr(GVariant) actual = NULL;
        MessageSink sink;

        message_sink_init(&sink, message);
        shape->write(&sink.sink, &answers);
        g_assert_cmpint(sink.result, ==, 0);

        g_assert_cmpint(sd_bus_message_seal(message, 1, 0), >=, 0);
        g_assert_cmpint(message_read(message, &body), >=, 0);
        actual = g_variant_get_child_value(body, 0);
        g_assert_cmpvariant(actual, expected);
    }
    g_assert_no_errno(close(fds[1]));
}

static void the_first_failure_stays(void) {
    int fds[2];
    g_autoptr(sd_bus) bus = connection_new(fds);
    g_autoptr(sd_bus_message) message = message_new(bus);
    MessageSink sink;

    message_sink_init(&sink, message);
    sink_open_array(&sink.sink, "{sv}");
    /* libsystemd refuses what is not UTF-8 */
    sink_entry_string(&sink.sink, "key", "\xff");
    g_assert_cmpint(sink.result, ==, -EINVAL);
    sink_close(&sink.sink);
    g_assert_cmpint(sink.result, ==, -EINVAL);
    g_assert_no_errno(close(fds[1]));
}

int main(int argc, char **argv) {
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/message-sink/both_ends_say_the_same", both_ends_say_the_same);
    g_test_add_func("/message-sink/the_first_failure_stays", the_first_failure_stays);
    return g_test_run();
}
