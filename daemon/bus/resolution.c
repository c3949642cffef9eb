/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/resolution.h"

#include "bus/error.h"
#include "bus/message-sink.h"
#include "bus/vm-call.h"
#include "vm/vm-answer.h"

int bus_append_resolution(
        sd_bus_message *reply, const Resolution *resolution, const Request *request,
        sd_bus_error *ret_error) {
    g_autoptr(GError) error = NULL;
    g_auto(Rendering) rendering = {};
    MessageSink sink;

    if (!rendering_make(resolution, request->render, &rendering, &error))
        return bus_error_set(ret_error, error);
    message_sink_init(&sink, reply);
    answer_resolution(&sink.sink, resolution, &rendering);
    return sink.result;
}

int bus_append_vm_resolution(
        sd_bus_message *reply, const VMOp *op, const VMResult *result, sd_bus_error *ret_error) {
    g_autoptr(GError) error = NULL;
    g_auto(Rendering) rendering = {};
    MessageSink message_sink;
    Sink *sink = &message_sink.sink;

    if (!rendering_make(result->resolution, op->request->render, &rendering, &error))
        return bus_error_set(ret_error, error);

    message_sink_init(&message_sink, reply);
    sink_open_array(sink, "{sv}");
    vm_answer_resolution_entries(sink, op, result, &rendering);
    if (result->lease >= 0) {
        sink_open_entry(sink, "lease", "h");
        sink_basic(sink, 'h', &result->lease);
        sink_close_entry(sink);
    }
    sink_close(sink);
    return message_sink.result;
}

int bus_reply_report(const VMCall *call) {
    const VMResult *result = &call->result;
    MessageSink sink;

    message_sink_begin_reply(&sink, call->message);
    store_report_write(
            result->report, image_format_to_string(result->store_format), call->op.request->list,
            &sink.sink);
    return message_sink_send(&sink);
}
