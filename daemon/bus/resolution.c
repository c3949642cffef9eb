/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/resolution.h"

#include "bus/error.h"
#include "bus/message-sink.h"
#include "bus/vm-call.h"
#include "core/answer.h"

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

static void write_nvram(Sink *sink, const VMCall *call, const Pin *pin) {
    g_autofree char *name = vmstore_nvram_name(pin->nvram_format);
    g_autofree char *filename = vmstore_path(call->op.store, call->op.owner, call->op.id, name);

    sink_open_entry(sink, "nvram", "a{sv}");
    sink_open_array(sink, "{sv}");
    sink_entry_string(sink, "filename", filename);
    sink_entry_string(sink, "format", image_format_to_string(pin->nvram_format));
    sink_entry_uint64(sink, "size", pin->nvram_size);
    sink_entry_boolean(sink, "created", call->result.is_created);
    sink_close(sink);
    sink_close_entry(sink);
}

int bus_append_vm_resolution(sd_bus_message *reply, const VMCall *call, sd_bus_error *ret_error) {
    const VMOp *op = &call->op;
    const VMResult *result = &call->result;
    const Pin *pin = result->pin ? result->pin : op->pin;
    gboolean was_pinned = op->pin != NULL && op->request->call == REQUEST_CALL_PREPARE;
    g_autoptr(GPtrArray) changed = vm_differences_to_words(result->differences);
    g_autoptr(GError) error = NULL;
    g_auto(Rendering) rendering = {};
    MessageSink message_sink;
    Sink *sink = &message_sink.sink;

    if (!rendering_make(result->resolution, op->request->render, &rendering, &error))
        return bus_error_set(ret_error, error);

    message_sink_init(&message_sink, reply);
    sink_open_array(sink, "{sv}");
    answer_resolution_entries(sink, result->resolution, &rendering);
    if (pin->has_nvram)
        write_nvram(sink, call, pin);
    sink_entry_boolean(sink, "pinned", was_pinned);
    sink_entry_words(sink, "changed", changed);
    if (result->lease >= 0) {
        sink_open_entry(sink, "lease", "h");
        sink_basic(sink, 'h', &result->lease);
        sink_close_entry(sink);
    }
    sink_close(sink);
    return message_sink.result;
}
