/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/vms.h"

#include <fcntl.h>

#include "bus/admission.h"
#include "bus/error.h"
#include "bus/request.h"
#include "bus/resolution.h"
#include "bus/state.h"
#include "bus/vm.h"
#include "bus/vm-call.h"
#include "base/error.h"
#include "vm/nvram.h"

/* The Manager's methods on VMs. */

static gboolean conflict(const VMCall *call, const char *what, GError **error) {
    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_VM_CONFLICT, "VM %s is pinned to firmware %s: %s",
            call->id, call->pin->resolution->name, what);
    return FALSE;
}

/* KEY is PINNED, and ASKED was asked for. */
static gboolean differs(
        const VMCall *call, const char *key, const char *pinned, const char *asked,
        GError **error) {
    g_autofree char *what = g_strdup_printf("its %s is %s, not %s", key, pinned, asked);

    return conflict(call, what, error);
}

/* -- PrepareVM --------------------------------------------------------------------------- */

static gboolean check_machine(VMCall *call, GError **error) {
    const Resolution *pinned = call->pin->resolution;
    Machine *machine = &call->op.machine;
    Machine before = machine_table_resolve(
            call->catalog->machines, pinned->architecture, call->pin->canonical);

    *machine = machine_table_resolve(
            call->catalog->machines, pinned->architecture, call->request->machine);
    if (!g_str_equal(call->request->architecture, pinned->architecture))
        return differs(
                call, "architecture", pinned->architecture, call->request->architecture, error);
    if (g_str_equal(call->request->machine, call->pin->machine))
        return TRUE;
    if (machine->board && machine->board == before.board &&
        descriptor_matches_machine(pinned->descriptor, pinned->architecture, machine->canonical))
        return TRUE;
    return differs(call, "machine", call->pin->machine, call->request->machine, error);
}

/* A template of the caller's own is ignored once the VM exists. */
static gboolean check_pin(VMCall *call, GError **error) {
    g_autoptr(GPtrArray) reasons = g_ptr_array_new_with_free_func(g_free);
    const Resolution *pinned = call->pin->resolution;

    if (!check_machine(call, error))
        return FALSE;
    if (call->request->nvram_format && call->pin->has_nvram &&
        !g_str_equal(call->request->nvram_format, image_format_to_string(call->pin->nvram_format)))
        return differs(
                call, "nvram-format", image_format_to_string(call->pin->nvram_format),
                call->request->nvram_format, error);

    selection_check_requirements(
            call->request, pinned->name, pinned->descriptor, call->op.host_features, reasons);
    if (reasons->len > 0) {
        g_autofree char *first = g_strdup_printf(
                "it does not satisfy the requirements (%s)", (const char *)reasons->pdata[0]);
        return conflict(call, first, error);
    }
    return bus_vm_call_check_render(call, resolution_copy(call->pin->resolution), error);
}

/* Before anything is made: what cannot be rendered, or kept, in the end. */
static gboolean check_choice(VMCall *call, GError **error) {
    const Descriptor *descriptor = call->op.file->descriptor;
    gboolean has_store = descriptor->device == FIRMWARE_DEVICE_MEMORY;

    if (call->request->nvram_format && has_store && descriptor_keeps_variables(descriptor)) {
        g_set_error_literal(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_INVALID_ARGS,
                "nvram-format: the firmware keeps its variables in a JSON store");
        return FALSE;
    }
    if (call->fd >= 0 && !descriptor_keeps_variables(descriptor)) {
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_INVALID_ARGS,
                "%s: firmware %s keeps no variables",
                call->request->call == REQUEST_CALL_IMPORT_VM ? "nvram" : "nvram-template",
                call->op.file->name);
        return FALSE;
    }
    return TRUE;
}

static gboolean start_creation(VMCall *call, GError **error) {
    return bus_vm_call_check_limits(call, call->owner, TRUE, error) &&
            bus_vm_call_choose(call, error) && check_choice(call, error);
}

static gboolean prepare_is(const VMCall *call, const char *word) {
    return g_strcmp0(call->request->create, word) == 0;
}

static gboolean start_prepare(VMCall *call, GError **error) {
    gboolean exists = vms_find(call->bus->vms, call->owner, call->id) != NULL;

    if (prepare_is(call, "new") && !bus_vm_call_check_new(call, call->owner, call->id, error))
        return FALSE;
    if (exists || prepare_is(call, "never"))
        return bus_vm_call_find(call, error) && check_pin(call, error);
    return start_creation(call, error);
}

static gboolean run_prepare(VMOp *op, GError **error) {
    return op->pin ? vm_op_prepare(op, error) : vm_op_create(op, error);
}

static int reply_prepared(VMCall *call, sd_bus_error *ret_error) {
    g_autoptr(sd_bus_message) reply = NULL;
    g_autofree char *path = bus_vm_path(call->owner, call->id);
    int r;

    r = sd_bus_message_new_method_return(call->message, &reply);
    if (r < 0)
        return r;
    r = sd_bus_message_append(reply, "o", path);
    if (r < 0)
        return r;
    r = bus_append_vm_resolution(reply, call, ret_error);
    if (r < 0)
        return r;
    return sd_bus_send(NULL, reply, NULL);
}

static int finish_prepare(VMCall *call, sd_bus_error *ret_error) {
    const VMOp *op = &call->op;
    const Pin *pin = op->new_pin ? op->new_pin : op->pin;

    vms_put(call->bus->vms, call->owner, call->id, pin, op->size, op->changed, op->is_gone);
    return call->error ? 0 : reply_prepared(call, ret_error);
}

static uid_t get_owner(const Request *request, uid_t caller) {
    return request->has_owner ? request->owner : caller;
}

int bus_method_prepare_vm(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
    static const VMMethod method = {start_prepare, run_prepare, finish_prepare};
    g_autoptr(Request) request = NULL;
    g_autoptr(GError) error = NULL;
    VMCall *call;
    const char *id;
    uid_t caller;
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
    r = bus_get_sender_uid(message, &caller);
    if (r < 0)
        return r;

    call = bus_vm_call_new(userdata, &method, message, caller, get_owner(request, caller), id);
    call->fd = request->nvram_template;
    request->nvram_template = FILE_FD_NONE;
    call->request = g_steal_pointer(&request);
    return bus_vm_call_begin(call, ret_error);
}

/* -- ImportVM ---------------------------------------------------------------------------- */

static gboolean start_import_vm(VMCall *call, GError **error) {
    return bus_vm_call_check_new(call, call->owner, call->id, error) && start_creation(call, error);
}

int bus_method_import_vm(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
    static const VMMethod method = {start_import_vm, vm_op_create, finish_prepare};
    g_autoptr(Request) request = NULL;
    g_autoptr(GError) error = NULL;
    const char *architecture;
    const char *machine;
    const char *id;
    VMCall *call;
    uid_t caller;
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
    r = bus_get_sender_uid(message, &caller);
    if (r < 0)
        return r;

    call = bus_vm_call_new(userdata, &method, message, caller, get_owner(request, caller), id);
    call->request = g_steal_pointer(&request);
    /* it lives as long as the message */
    call->fd = fcntl(nvram, F_DUPFD_CLOEXEC, 3);
    if (call->fd < 0) {
        r = -errno;
        bus_vm_call_free(call);
        return r;
    }
    return bus_vm_call_begin(call, ret_error);
}

/* -- looking ----------------------------------------------------------------------------- */

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
    r = bus_get_sender_uid(message, &owner);
    if (r < 0)
        return r;

    owner = get_owner(request, owner);
    if (!bus_find_vm(bus, owner, id, &error))
        return bus_error_set(ret_error, error);
    path = bus_vm_path(owner, id);
    return sd_bus_reply_method_return(message, "o", path);
}

static int append_vm(sd_bus_message *reply, const Bus *bus, const VM *vm) {
    g_autofree char *path = bus_vm_path(vm->owner, vm->id);

    return sd_bus_message_append(
            reply, "(susso)", vm->id, (uint32_t)vm->owner, vm->pin->resolution->name,
            bus_vm_get_state(bus, vm), path);
}

int bus_method_list_vms(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
    const Bus *bus = userdata;
    g_autoptr(Request) request = NULL;
    g_autoptr(GPtrArray) list = vms_list(bus->vms);
    g_autoptr(sd_bus_message) reply = NULL;
    uid_t owner;
    int r;

    r = read_bare_options(message, REQUEST_CALL_LIST_VMS, &request, ret_error);
    if (r < 0)
        return r;
    r = bus_get_sender_uid(message, &owner);
    if (r < 0)
        return r;
    owner = get_owner(request, owner);

    r = sd_bus_message_new_method_return(message, &reply);
    if (r < 0)
        return r;
    r = sd_bus_message_open_container(reply, 'a', "(susso)");
    if (r < 0)
        return r;
    for (guint i = 0; i < list->len; i++) {
        const VM *vm = list->pdata[i];

        if (!request->all && vm->owner != owner)
            continue;
        r = append_vm(reply, bus, vm);
        if (r < 0)
            return r;
    }
    r = sd_bus_message_close_container(reply);
    if (r < 0)
        return r;
    return sd_bus_send(NULL, reply, NULL);
}
