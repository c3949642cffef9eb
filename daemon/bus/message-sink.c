/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/message-sink.h"

static void keep(MessageSink *sink, int r) {
    if (r < 0)
        sink->result = r;
}

static void message_basic(Sink *base, char type, gconstpointer value) {
    MessageSink *sink = (MessageSink *)base;

    if (sink->result == 0)
        keep(sink, sd_bus_message_append_basic(sink->message, type, value));
}

static void message_open(Sink *base, char type, const char *contents) {
    MessageSink *sink = (MessageSink *)base;

    if (sink->result == 0)
        keep(sink, sd_bus_message_open_container(sink->message, type, contents));
}

static void message_close(Sink *base) {
    MessageSink *sink = (MessageSink *)base;

    if (sink->result == 0)
        keep(sink, sd_bus_message_close_container(sink->message));
}

void message_sink_init(MessageSink *sink, sd_bus_message *message) {
    static const SinkType type = {
            .basic = message_basic, .open = message_open, .close = message_close};

    *sink = (MessageSink){.sink.type = &type, .message = message};
}

void message_sink_begin_reply(MessageSink *sink, sd_bus_message *call) {
    sd_bus_message *reply = NULL;
    int r = sd_bus_message_new_method_return(call, &reply);

    message_sink_init(sink, reply);
    keep(sink, r);
}

int message_sink_send(const MessageSink *sink) {
    g_autoptr(sd_bus_message) message = sink->message;

    return sink->result < 0 ? sink->result : sd_bus_send(NULL, message, NULL);
}
