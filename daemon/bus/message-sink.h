/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/sink.h"
#include "service/sd-cleanup.h"

/* A sink into an sd-bus message. It borrows the message. */
typedef struct MessageSink {
    Sink sink;
    sd_bus_message *message;
    int result; /* 0, or the negative errno of the first failure */
} MessageSink;

void message_sink_init(MessageSink *sink, sd_bus_message *message);

/* Writes into a new reply to CALL, which message_sink_send() sends and frees. It returns a negative
 * errno if that, or a write, has failed. */
void message_sink_begin_reply(MessageSink *sink, sd_bus_message *call);
int message_sink_send(const MessageSink *sink) G_GNUC_WARN_UNUSED_RESULT;
