/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/stats.h"

#include "bus/message-sink.h"
#include "bus/names.h"

/* org.freedesktop.DBus.Debug.Stats, the interface of bus daemons for the same purpose. An answer
 * costs the same whatever the service does. */

static int method_get_stats(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
    const Bus *bus = userdata;
    const JobsStats jobs = jobs_get_stats(vms_get_jobs(bus->vms));
    MessageSink sink;

    message_sink_begin_reply(&sink, message);
    sink_open_array(&sink.sink, "{sv}");
    sink_entry_uint64(&sink.sink, "calls", bus->n_calls);
    sink_entry_uint64(&sink.sink, "refused", bus->n_refused);
    sink_entry_uint64(&sink.sink, "unfinished", bus->places->len);
    sink_entry_uint64(&sink.sink, "jobs", bus->n_operations);
    sink_entry_uint64(&sink.sink, "jobs-running", jobs.n_running);
    sink_entry_uint64(&sink.sink, "jobs-stalled", jobs.n_stalled);
    sink_close(&sink.sink);
    return message_sink_send(&sink);
}

static const sd_bus_vtable bus_stats_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS(
                "GetStats", SD_BUS_NO_ARGS, SD_BUS_RESULT("a{sv}", statistics), method_get_stats,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

int bus_stats_add(Bus *bus) {
    return sd_bus_add_object_vtable(
            bus->connection, NULL, BUS_MANAGER_PATH, BUS_STATS_INTERFACE, bus_stats_vtable, bus);
}
