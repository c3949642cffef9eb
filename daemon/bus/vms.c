/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/vms.h"

#include <fcntl.h>

#include "bus/error.h"
#include "bus/message-sink.h"
#include "bus/request.h"
#include "bus/resolution.h"
#include "bus/state.h"
#include "bus/vm-object.h"
#include "bus/vm-call.h"
#include "bus/vm-read.h"
#include "base/error.h"
#include "vm/vm-answer.h"
#include "vm/vm-condition.h"
#include "vm/nvram.h"
#include "vm/vm-variables.h"

/* The Manager's methods on VMs. */

/* -- PrepareVM --------------------------------------------------------------------------- */

static gboolean run_prepare(const VMOp *op, VMResult *result, GError **error) {
    return op->pin ? vm_op_prepare(op, result, error) : vm_op_create(op, result, error);
}

static int make_prepared(
        const VMCall *call, const VMResult *result, sd_bus_message **ret, sd_bus_error *ret_error) {
    g_autoptr(sd_bus_message) reply = NULL;
    g_autofree char *path = bus_vm_path(call->op.owner, call->op.id);
    int r;

    r = sd_bus_message_new_method_return(call->message, &reply);
    if (r < 0)
        return r;
    r = sd_bus_message_append(reply, "o", path);
    if (r < 0)
        return r;
    r = bus_append_vm_resolution(reply, &call->op, result, ret_error);
    if (r < 0)
        return r;
    *ret = g_steal_pointer(&reply);
    return 0;
}

/* Most VMs are as they were. Their answer is made while a worker thread looks at their files: both
 * take about as long. */
static void expect_prepared(VMCall *call) {
    g_auto(VMResult) result = VM_RESULT_INIT;
    g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

    if (call->op.pin && vm_expect_prepared(&call->op, &result))
        (void)make_prepared(call, &result, &call->expected, &error);
}

static int finish_prepare(VMCall *call, sd_bus_error *ret_error) {
    g_autoptr(sd_bus_message) reply = NULL;
    int r;

    if (call->expected && vm_is_as_expected(&call->op, &call->result))
        return sd_bus_send(NULL, call->expected, NULL);
    r = make_prepared(call, &call->result, &reply, ret_error);
    return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static uid_t get_owner(const Request *request, uid_t caller) {
    return request->has_owner ? request->owner : caller;
}

int bus_method_prepare_vm(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
    static const VMMethod method = {
            policy_prepare, run_prepare, finish_prepare, .expect = expect_prepared};
    g_autoptr(Request) request = NULL;
    g_autoptr(GError) error = NULL;
    uid_t caller = ((const Bus *)userdata)->caller;
    VMCall *call;
    const char *id;
    int r;

    r = sd_bus_message_read(message, "s", &id);
    if (r < 0)
        return r;
    r = bus_check_id(id, ret_error);
    if (r < 0)
        return r;
    r = bus_read_request(message, REQUEST_CALL_PREPARE, &request, ret_error);
    if (r < 0)
        return r;
    if (request->nvram_template >= 0 &&
        !nvram_check_memfd("nvram-template", request->nvram_template, &error))
        return bus_error_set(ret_error, error);

    call = bus_vm_call_new(userdata, &method, message, caller, get_owner(request, caller), id);
    call->op.source = request->nvram_template;
    request->nvram_template = FILE_FD_NONE;
    call->op.request = g_steal_pointer(&request);
    return bus_vm_call_begin(call, ret_error);
}

/* -- ImportVM ---------------------------------------------------------------------------- */

int bus_method_import_vm(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
    static const VMMethod method = {policy_import_vm, vm_op_create, finish_prepare};
    g_autoptr(Request) request = NULL;
    g_autoptr(GError) error = NULL;
    uid_t caller = ((const Bus *)userdata)->caller;
    const char *architecture;
    const char *machine;
    const char *id;
    VMCall *call;
    int nvram;
    int r;

    r = sd_bus_message_read(message, "sss", &id, &architecture, &machine);
    if (r < 0)
        return r;
    r = bus_read_fd(message, "nvram", &nvram, ret_error);
    if (r < 0)
        return r;
    r = bus_check_id(id, ret_error);
    if (r < 0)
        return r;
    request = request_new(REQUEST_CALL_IMPORT_VM, architecture, machine, &error);
    if (!request)
        return bus_error_set(ret_error, error);
    r = bus_read_options(message, request, ret_error);
    if (r < 0)
        return r;
    if (!nvram_check_memfd("nvram", nvram, &error))
        return bus_error_set(ret_error, error);

    call = bus_vm_call_new(userdata, &method, message, caller, get_owner(request, caller), id);
    call->op.request = g_steal_pointer(&request);
    /* a duplicate, because the message owns the descriptor */
    call->op.source = fcntl(nvram, F_DUPFD_CLOEXEC, 3);
    if (call->op.source < 0) {
        r = -errno;
        bus_vm_call_free(call);
        return r;
    }
    return bus_vm_call_begin(call, ret_error);
}

/* -- ReadVariables ------------------------------------------------------------------------- */

static int finish_read(VMCall *call, sd_bus_error *ret_error) {
    return bus_reply_report(call);
}

int bus_method_read_variables(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
    static const VMMethod method = {policy_read_store, vm_op_read_store, finish_read};
    uid_t caller = ((const Bus *)userdata)->caller;
    /* no VM has this id */
    g_autoptr(VMCall) call = bus_vm_call_new(userdata, &method, message, caller, caller, "");
    g_autoptr(GError) error = NULL;
    int store;
    int r;

    r = bus_read_fd(message, "store", &store, ret_error);
    if (r < 0)
        return r;
    call->op.request = request_new(REQUEST_CALL_READ_STORE, NULL, NULL, NULL);
    r = bus_read_options(message, call->op.request, ret_error);
    if (r < 0)
        return r;
    if (!nvram_check_memfd("store", store, &error))
        return bus_error_set(ret_error, error);
    call->op.source = fcntl(store, F_DUPFD_CLOEXEC, 3);
    if (call->op.source < 0)
        return -errno;
    return bus_vm_call_begin(g_steal_pointer(&call), ret_error);
}

/* -- queries -------------------------------------------------------------------------- */

static int read_bare_options(
        sd_bus_message *message, RequestCall call, Request **ret, sd_bus_error *ret_error) {
    g_autoptr(Request) request = request_new(call, NULL, NULL, NULL);
    int r;

    r = bus_read_options(message, request, ret_error);
    if (r < 0)
        return r;
    *ret = g_steal_pointer(&request);
    return 0;
}

int bus_method_get_vm(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
    const Bus *bus = userdata;
    g_autoptr(Request) request = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *path = NULL;
    const char *id;
    uid_t owner;
    int r;

    r = sd_bus_message_read(message, "s", &id);
    if (r < 0)
        return r;
    r = read_bare_options(message, REQUEST_CALL_GET_VM, &request, ret_error);
    if (r < 0)
        return r;

    owner = get_owner(request, bus->caller);
    if (!bus_find_vm(bus, owner, id, &error))
        return bus_error_set(ret_error, error);
    path = bus_vm_path(owner, id);
    return sd_bus_reply_method_return(message, "o", path);
}

/* Compares paths as text, and touches none. */
static const VM *find_by_nvram(const Bus *bus, const char *nvram, GError **error) {
    const VMStore *store = vms_get_store(bus->vms);
    g_autofree char *path = NULL;
    g_autofree char *id = NULL;
    const VM *vm = NULL;
    uid_t owner;

    if (!vms_check(bus->vms, error))
        return NULL;
    if (vmstore_parse_path(store, nvram, &owner, &id)) {
        vm = bus_find_vm(bus, owner, id, error);
        if (!vm)
            return NULL;
        path = vmstore_nvram_path(store, owner, id, vm->pin->nvram_format);
    }
    if (vm && vm->pin->has_nvram && g_str_equal(nvram, path))
        return vm;
    g_set_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_NO_SUCH_VM, "no VM has the NVRAM %s", nvram);
    return NULL;
}

int bus_method_get_vm_by_path(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
    g_autoptr(Request) request = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *path = NULL;
    const char *nvram;
    const VM *vm;
    int r;

    r = sd_bus_message_read(message, "s", &nvram);
    if (r < 0)
        return r;
    r = read_bare_options(message, REQUEST_CALL_BARE, &request, ret_error);
    if (r < 0)
        return r;
    vm = find_by_nvram(userdata, nvram, &error);
    if (!vm)
        return bus_error_set(ret_error, error);
    path = bus_vm_path(vm->owner, vm->id);
    return sd_bus_reply_method_return(message, "o", path);
}

static void write_row(const VMRead *read, const VM *vm, Sink *sink) {
    g_autofree char *path = bus_vm_path(vm->owner, vm->id);

    vm_answer_row(
            sink, vm->id, vm->owner, vm->pin, vm_get_state(vm->differences, &vm->condition), path);
}

static void write_report(const VMRead *read, const VM *vm, Sink *sink) {
    g_autofree char *path = bus_vm_path(vm->owner, vm->id);
    const VMReport report = {
            .id = vm->id,
            .owner = vm->owner,
            .path = path,
            .pin = vm->pin,
            .state = vm_get_state(vm->differences, &vm->condition),
            .last_prepared = vm->last_prepared,
            .look = vm->condition.look,
            .shows_reference = read->caller == 0 || read->caller == vm->owner,
    };

    vm_answer_report(sink, &report);
}

static int reply_vms(
        const VMRead *read, const char *contents,
        void (*write)(const VMRead *read, const VM *vm, Sink *sink)) {
    g_autoptr(GPtrArray) list = vms_list(read->bus->vms);
    MessageSink sink;

    message_sink_begin_reply(&sink, read->message);
    sink_open_array(&sink.sink, contents);
    for (guint i = 0; i < list->len; i++)
        if (bus_vm_read_wants(read, list->pdata[i]))
            write(read, list->pdata[i], &sink.sink);
    sink_close(&sink.sink);
    return message_sink_send(&sink);
}

static int reply_list(const VMRead *read, sd_bus_error *ret_error) {
    return reply_vms(read, "(susso)", write_row);
}

static int reply_report(const VMRead *read, sd_bus_error *ret_error) {
    return reply_vms(read, "a{sv}", write_report);
}

static int begin_read(
        Bus *bus, sd_bus_message *message,
        int (*reply)(const VMRead *read, sd_bus_error *ret_error), sd_bus_error *ret_error) {
    g_autoptr(Request) request = NULL;
    g_autoptr(GError) error = NULL;
    VMRead *read;
    uid_t owner;
    int r;

    r = read_bare_options(message, REQUEST_CALL_LIST_VMS, &request, ret_error);
    if (r < 0)
        return r;
    if (!vms_check(bus->vms, &error))
        return bus_error_set(ret_error, error);

    owner = get_owner(request, bus->caller);
    if (!request->all && !vms_check_known(bus->vms, owner, NULL, &error))
        return bus_error_set(ret_error, error);
    read = bus_vm_read_new(bus, message, reply);
    read->owner = owner;
    read->all = request->all;
    return bus_vm_read_begin(read, ret_error);
}

int bus_method_list_vms(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
    return begin_read(userdata, message, reply_list, ret_error);
}

int bus_method_report_vms(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
    return begin_read(userdata, message, reply_report, ret_error);
}
