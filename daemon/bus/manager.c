/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/manager.h"

#include "bus/error.h"
#include "bus/firmware.h"
#include "bus/message-sink.h"
#include "bus/reload.h"
#include "bus/request.h"
#include "bus/resolution.h"
#include "bus/state.h"
#include "bus/vms.h"
#include "bus/names.h"
#include "base/error.h"
#include "core/answer.h"
#include "core/question.h"

/* org.vmfirmware1.Manager */

/* -- queries -------------------------------------------------------------------------- */

static SelectionInput make_input(const Bus *bus, const Request *request) {
    return selection_input(
            live_catalog_get_catalog(bus->live), live_catalog_get_host_features(bus->live),
            request);
}

static int reply_resolution(
        sd_bus_message *message, const Resolution *resolution, const Request *request,
        sd_bus_error *ret_error) {
    g_autofree char *path = bus_firmware_path(resolution->name);
    g_autoptr(sd_bus_message) reply = NULL;
    int r;

    r = sd_bus_message_new_method_return(message, &reply);
    if (r < 0)
        return r;
    r = sd_bus_message_append(reply, "o", path);
    if (r < 0)
        return r;
    r = bus_append_resolution(reply, resolution, request, ret_error);
    if (r < 0)
        return r;
    return sd_bus_send(NULL, reply, NULL);
}

static int method_select(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
    const Bus *bus = userdata;
    g_autoptr(Request) request = NULL;
    g_autoptr(Resolution) resolution = NULL;
    g_autoptr(GError) error = NULL;
    SelectionInput input;
    int r;

    r = bus_read_request(message, REQUEST_CALL_SELECT, &request, ret_error);
    if (r < 0)
        return r;

    input = make_input(bus, request);
    resolution = question_select(&input, &error);
    if (!resolution)
        return bus_error_set(ret_error, error);
    return reply_resolution(message, resolution, request, ret_error);
}

static int method_explain(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
    const Bus *bus = userdata;
    g_autoptr(Request) request = NULL;
    g_autoptr(GPtrArray) verdicts = NULL;
    MessageSink sink;
    SelectionInput input;
    int r;

    r = bus_read_request(message, REQUEST_CALL_EXPLAIN, &request, ret_error);
    if (r < 0)
        return r;

    input = make_input(bus, request);
    verdicts = selection_explain(&input);

    message_sink_begin_reply(&sink, message);
    answer_verdicts(&sink.sink, verdicts);
    return message_sink_send(&sink);
}

static int method_get_capabilities(
        sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
    const Bus *bus = userdata;
    g_autoptr(Request) request = NULL;
    g_autoptr(Capabilities) capabilities = NULL;
    MessageSink sink;
    SelectionInput input;
    int r;

    r = bus_read_request(message, REQUEST_CALL_CAPABILITIES, &request, ret_error);
    if (r < 0)
        return r;

    input = make_input(bus, request);
    capabilities = selection_capabilities(&input);

    message_sink_begin_reply(&sink, message);
    answer_capabilities(&sink.sink, capabilities);
    return message_sink_send(&sink);
}

static int method_get_firmware(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
    const Bus *bus = userdata;
    g_autofree char *path = NULL;
    g_autoptr(GError) error = NULL;
    const CatalogFile *file;
    const char *name;
    int r;

    r = sd_bus_message_read(message, "s", &name);
    if (r < 0)
        return r;

    file = question_find_firmware(live_catalog_get_catalog(bus->live), name, &error);
    if (!file)
        return bus_error_set(ret_error, error);

    path = bus_firmware_path(file->name);
    return sd_bus_reply_method_return(message, "o", path);
}

static int method_list_firmware(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
    const Bus *bus = userdata;
    const Catalog *catalog = live_catalog_get_catalog(bus->live);
    MessageSink sink;

    message_sink_begin_reply(&sink, message);
    answer_firmware_list(&sink.sink, catalog, bus_firmware_path);
    return message_sink_send(&sink);
}

/* -- properties -------------------------------------------------------------------------- */

static int get_version(
        sd_bus *connection, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
    return sd_bus_message_append(reply, "s", VERSION);
}

static int get_generation(
        sd_bus *connection, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
    const Bus *bus = userdata;

    return sd_bus_message_append(reply, "t", live_catalog_get_generation(bus->live));
}

static int get_search_path(
        sd_bus *connection, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
    const Bus *bus = userdata;
    MessageSink sink;

    message_sink_init(&sink, reply);
    answer_search_path(&sink.sink, live_catalog_get_config(bus->live)->layers);
    return sink.result;
}

static int get_state_directory(
        sd_bus *connection, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
    const Bus *bus = userdata;

    return sd_bus_message_append(reply, "s", live_catalog_get_config(bus->live)->state_directory);
}

static int get_problems(
        sd_bus *connection, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
    const Bus *bus = userdata;
    MessageSink sink;

    message_sink_init(&sink, reply);
    answer_problems(&sink.sink, live_catalog_get_catalog(bus->live));
    return sink.result;
}

static int get_architectures(
        sd_bus *connection, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
    const Bus *bus = userdata;

    return sd_bus_message_append_strv(reply, live_catalog_get_catalog(bus->live)->architectures);
}

static int get_host_features(
        sd_bus *connection, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
    const Bus *bus = userdata;

    return sd_bus_message_append_strv(reply, (char **)live_catalog_get_host_features(bus->live));
}

#define REQUIREMENT_ARGS SD_BUS_ARGS("s", architecture, "s", machine, "a{sv}", requirements)

static const sd_bus_vtable bus_manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS(
                "Select", REQUIREMENT_ARGS, SD_BUS_RESULT("o", firmware, "a{sv}", resolution),
                method_select, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                "Explain", REQUIREMENT_ARGS, SD_BUS_RESULT("a(sssas)", verdicts), method_explain,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                "GetCapabilities", REQUIREMENT_ARGS, SD_BUS_RESULT("a{sv}", capabilities),
                method_get_capabilities, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                "GetFirmware", SD_BUS_ARGS("s", name), SD_BUS_RESULT("o", firmware),
                method_get_firmware, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                "ListFirmware", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(sso)", firmware),
                method_list_firmware, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                "PrepareVM",
                SD_BUS_ARGS("s", id, "s", architecture, "s", machine, "a{sv}", options),
                SD_BUS_RESULT("o", vm, "a{sv}", resolution), bus_method_prepare_vm,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                "GetVM", SD_BUS_ARGS("s", id, "a{sv}", options), SD_BUS_RESULT("o", vm),
                bus_method_get_vm, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                "GetVMByPath", SD_BUS_ARGS("s", nvram, "a{sv}", options), SD_BUS_RESULT("o", vm),
                bus_method_get_vm_by_path, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                "ListVMs", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("a(susso)", vms),
                bus_method_list_vms, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                "ReportVMs", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("aa{sv}", vms),
                bus_method_report_vms, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                "ImportVM",
                SD_BUS_ARGS("s", id, "s", architecture, "s", machine, "h", nvram, "a{sv}", options),
                SD_BUS_RESULT("o", vm, "a{sv}", resolution), bus_method_import_vm,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                "ReadVariables", SD_BUS_ARGS("h", store, "a{sv}", options),
                SD_BUS_RESULT("a{sv}", report), bus_method_read_variables,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                "Reload", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, bus_method_reload,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("Version", "s", get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Generation", "t", get_generation, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY(
                "SearchPath", "as", get_search_path, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY(
                "StateDirectory", "s", get_state_directory, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY(
                "Problems", "a(ss)", get_problems, 0, SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION),
        SD_BUS_PROPERTY(
                "Architectures", "as", get_architectures, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY(
                "HostFeatures", "as", get_host_features, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_SIGNAL_WITH_ARGS(
                "CatalogChanged",
                SD_BUS_ARGS("t", generation, "as", added, "as", removed, "as", changed), 0),
        SD_BUS_SIGNAL_WITH_ARGS("VMAdded", SD_BUS_ARGS("s", id, "u", owner, "o", vm), 0),
        SD_BUS_SIGNAL_WITH_ARGS("VMRemoved", SD_BUS_ARGS("s", id, "u", owner, "o", vm), 0),
        SD_BUS_VTABLE_END,
};

int bus_manager_add(Bus *bus) {
    return sd_bus_add_object_vtable(
            bus->connection, NULL, BUS_MANAGER_PATH, BUS_MANAGER_INTERFACE, bus_manager_vtable,
            bus);
}

/* -- signals ----------------------------------------------------------------------------- */

static int emit_properties_changed(Bus *bus, const Publication *publication) {
    const CatalogChange *change = publication->change;
    const char *names[6] = {};
    gsize n = 0;

    if (change)
        names[n++] = "Generation";
    if (change && change->problems_differ)
        names[n++] = "Problems";
    if (change && change->architectures_differ)
        names[n++] = "Architectures";
    if (publication->host_features_differ)
        names[n++] = "HostFeatures";
    if (publication->search_path_differs)
        names[n++] = "SearchPath";

    return sd_bus_emit_properties_changed_strv(
            bus->connection, BUS_MANAGER_PATH, BUS_MANAGER_INTERFACE, (char **)names);
}

static void write_names(Sink *sink, const GPtrArray *files) {
    sink_open_array(sink, "s");
    for (guint i = 0; i < files->len; i++)
        sink_string(sink, ((const CatalogFile *)files->pdata[i])->name);
    sink_close(sink);
}

static int emit_catalog_changed(Bus *bus, const CatalogChange *change) {
    g_autoptr(sd_bus_message) signal = NULL;
    MessageSink sink;
    int r;

    r = sd_bus_message_new_signal(
            bus->connection, &signal, BUS_MANAGER_PATH, BUS_MANAGER_INTERFACE, "CatalogChanged");
    if (r < 0)
        return r;
    r = sd_bus_message_append(signal, "t", live_catalog_get_generation(bus->live));
    if (r < 0)
        return r;
    message_sink_init(&sink, signal);
    write_names(&sink.sink, change->added);
    write_names(&sink.sink, change->removed);
    write_names(&sink.sink, change->changed);
    if (sink.result < 0)
        return sink.result;
    return sd_bus_send(bus->connection, signal, NULL);
}

int bus_manager_emit_published(Bus *bus, const Publication *publication) {
    int r;

    r = emit_properties_changed(bus, publication);
    if (r < 0 || !publication->change)
        return r;
    return emit_catalog_changed(bus, publication->change);
}
