/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/vm.h"

#include <fcntl.h>
#include <string.h>

#include "bus/error.h"
#include "bus/export.h"
#include "bus/message-sink.h"
#include "bus/request.h"
#include "bus/resolution.h"
#include "bus/state.h"
#include "bus/vm-call.h"
#include "bus/vm-change.h"
#include "bus/vm-object.h"
#include "bus/vm-properties.h"
#include "bus/names.h"
#include "base/error.h"
#include "vm/nvram.h"
#include "vm/vm-answer.h"
#include "vm/vm-backups.h"
#include "vm/vm-variables.h"
#include "vm/vm-condition.h"

/* org.vmfirmware1.VM, one object for each VM in the service's store. */

/* -- properties -------------------------------------------------------------------------- */

static int get_property(
        sd_bus *connection, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
    const VMPropertyEntry *found = vm_properties;
    MessageSink sink;

    while (!g_str_equal(found->name, property))
        found++;
    message_sink_init(&sink, reply);
    found->write(&sink.sink, userdata);
    return sink.result;
}

/* -- methods ----------------------------------------------------------------------------- */

static int finish_plain(VMCall *call, sd_bus_error *ret_error) {
    return sd_bus_reply_method_return(call->message, NULL);
}

static int finish_acquire(VMCall *call, sd_bus_error *ret_error) {
    return sd_bus_reply_method_return(call->message, "h", call->result.lease);
}

static int finish_open_nvram(VMCall *call, sd_bus_error *ret_error) {
    return sd_bus_reply_method_return(call->message, "hh", call->result.nvram, call->result.lease);
}

static int finish_resolution(VMCall *call, sd_bus_error *ret_error) {
    g_autoptr(sd_bus_message) reply = NULL;
    int r;

    r = sd_bus_message_new_method_return(call->message, &reply);
    if (r < 0)
        return r;
    r = bus_append_vm_resolution(reply, &call->op, &call->result, ret_error);
    if (r < 0)
        return r;
    return sd_bus_send(NULL, reply, NULL);
}

static int reply_new_path(const VMCall *call) {
    g_autofree char *path = bus_vm_path(call->op.new_owner, call->op.new_id);

    return sd_bus_reply_method_return(call->message, "o", path);
}

static int finish_clone(VMCall *call, sd_bus_error *ret_error) {
    return reply_new_path(call);
}

static int finish_rename(VMCall *call, sd_bus_error *ret_error) {
    vms_rename(call->bus->vms, call->op.owner, call->op.id, call->op.new_id);
    return reply_new_path(call);
}

static int finish_export(VMCall *call, sd_bus_error *ret_error) {
    g_auto(FileFd) pipe = FILE_FD_NONE;
    int file = call->result.nvram;
    int lease = call->result.lease;
    int r;

    if (!bus_export_admit(call->bus, call->caller, &call->error))
        return 0;
    call->result.nvram = FILE_FD_NONE;
    call->result.lease = FILE_FD_NONE;
    r = bus_export_begin(call->bus, call->caller, file, call->result.nvram_size, lease, &pipe);
    if (r < 0)
        return r;
    return sd_bus_reply_method_return(call->message, "ht", pipe, call->result.nvram_size);
}

static int finish_read_variables(VMCall *call, sd_bus_error *ret_error) {
    return bus_reply_report(call);
}

static int finish_get_variable(VMCall *call, sd_bus_error *ret_error) {
    const StoreVariable *variable = vm_op_find_variable(&call->op, &call->result);
    g_autoptr(sd_bus_message) reply = NULL;
    gsize size;
    gconstpointer data = g_bytes_get_data(variable->data, &size);
    int r;

    r = sd_bus_message_new_method_return(call->message, &reply);
    if (r < 0)
        return r;
    r = sd_bus_message_append(reply, "u", variable->attributes);
    if (r < 0)
        return r;
    r = sd_bus_message_append_array(reply, 'y', data, size);
    if (r < 0)
        return r;
    return sd_bus_send(NULL, reply, NULL);
}

static int finish_list_backups(VMCall *call, sd_bus_error *ret_error) {
    MessageSink sink;

    message_sink_begin_reply(&sink, call->message);
    vm_answer_backups(&sink.sink, call->result.backups);
    return message_sink_send(&sink);
}

static int finish_remove(VMCall *call, sd_bus_error *ret_error) {
    vms_remove(call->bus->vms, call->op.owner, call->op.id);
    return sd_bus_reply_method_return(call->message, NULL);
}

static const VMMethod acquire = {policy_use, vm_op_acquire, finish_acquire};
static const VMMethod open_nvram = {policy_use, vm_op_open_nvram, finish_open_nvram};
static const VMMethod replace_nvram = {policy_replace_nvram, vm_op_replace_nvram, finish_plain};
static const VMMethod rebind = {policy_rebind, vm_op_rebind, finish_resolution};
static const VMMethod clone_vm = {policy_clone, vm_op_clone, finish_clone};
static const VMMethod rename_vm = {policy_rename, vm_op_rename, finish_rename};
static const VMMethod export_nvram = {policy_use, vm_op_export, finish_export};
static const VMMethod read_variables = {policy_use, vm_op_read_variables, finish_read_variables};
static const VMMethod get_variable = {policy_get_variable, vm_op_get_variable, finish_get_variable};
static const VMMethod remove_vm = {policy_remove, vm_op_remove, finish_remove};
static const VMMethod set_reference = {policy_use, vm_op_set_reference, finish_plain};
static const VMMethod list_backups = {policy_use, vm_op_list_backups, finish_list_backups};
static const VMMethod restore = {policy_replace_nvram, vm_op_restore, finish_plain};
static const VMMethod get_resolution = {
        policy_use, vm_op_get_resolution, finish_resolution, .is_open = TRUE};

/* A method's userdata is the VM that find_vm() found, so the bus comes from the slot. */
static Bus *get_bus(sd_bus *connection) {
    return sd_bus_slot_get_userdata(sd_bus_get_current_slot(connection));
}

/* Reads a new id if HAS_ID, a descriptor if HAS_FD, and the options; then begins the call. */
static int begin(
        sd_bus_message *message, const VM *vm, const VMMethod *method, RequestCall kind,
        gboolean has_id, gboolean has_fd, sd_bus_error *ret_error) {
    Bus *bus = get_bus(sd_bus_message_get_bus(message));
    g_autoptr(VMCall) call = NULL;
    g_autoptr(GError) error = NULL;
    const char *new_id;
    int fd;
    int r;

    call = bus_vm_call_new(bus, method, message, bus->caller, vm->owner, vm->id);

    if (has_id) {
        r = sd_bus_message_read(message, "s", &new_id);
        if (r < 0)
            return r;
        call->op.new_id = g_strdup(new_id);
        r = bus_check_id(new_id, ret_error);
        if (r < 0)
            return r;
    }
    if (method == &get_variable) {
        const char *guid, *name;

        r = sd_bus_message_read(message, "ss", &guid, &name);
        if (r < 0)
            return r;
        call->op.guid = g_strdup(guid);
        call->op.name = g_strdup(name);
    }
    if (has_fd) {
        r = bus_read_fd(message, "nvram", &fd, ret_error);
        if (r < 0)
            return r;
        if (!nvram_check_memfd("nvram", fd, &error))
            return bus_error_set(ret_error, error);
        call->op.source = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (call->op.source < 0)
            return -errno;
    }

    call->op.request = request_new(kind, NULL, NULL, NULL);
    /* only Rename has no options */
    if (method != &rename_vm) {
        r = bus_read_options(message, call->op.request, ret_error);
        if (r < 0)
            return r;
    }
    if (call->op.request->has_owner)
        call->op.new_owner = call->op.request->owner;
    if (call->op.request->nvram_template >= 0) {
        if (!nvram_check_memfd("nvram-template", call->op.request->nvram_template, &error))
            return bus_error_set(ret_error, error);
        call->op.source = call->op.request->nvram_template;
        call->op.request->nvram_template = FILE_FD_NONE;
    }
    return bus_vm_call_begin(g_steal_pointer(&call), ret_error);
}

/* The first argument is the key KEY of a request, of TYPE s or u. */
static int begin_with_key(
        sd_bus_message *message, const VM *vm, const VMMethod *method, RequestCall kind,
        const char *key, char type, sd_bus_error *ret_error) {
    Bus *bus = get_bus(sd_bus_message_get_bus(message));
    g_autoptr(VMCall) call = NULL;
    g_autoptr(GError) error = NULL;
    RequestValue value = {.type = type == 's' ? REQUEST_VALUE_STRING : REQUEST_VALUE_NUMBER};
    int r;

    r = sd_bus_message_read_basic(
            message, type, type == 's' ? (void *)&value.string : (void *)&value.number);
    if (r < 0)
        return r;
    call = bus_vm_call_new(bus, method, message, bus->caller, vm->owner, vm->id);
    call->op.request = request_new(kind, NULL, NULL, NULL);
    if (!request_set(call->op.request, key, &value, &error))
        return bus_error_set(ret_error, error);
    r = bus_read_options(message, call->op.request, ret_error);
    if (r < 0)
        return r;
    return bus_vm_call_begin(g_steal_pointer(&call), ret_error);
}

static int method_set_reference(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
    return begin_with_key(
            message, userdata, &set_reference, REQUEST_CALL_SET_REFERENCE, "reference", 's',
            ret_error);
}

static int method_restore(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
    return begin_with_key(
            message, userdata, &restore, REQUEST_CALL_RESTORE, "index", 'u', ret_error);
}

#define METHOD(name, method, kind, has_id, has_fd)                                      \
    static int name(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) { \
        return begin(message, userdata, method, kind, has_id, has_fd, ret_error);       \
    }

METHOD(method_acquire, &acquire, REQUEST_CALL_ACQUIRE, FALSE, FALSE)
METHOD(method_open_nvram, &open_nvram, REQUEST_CALL_BARE, FALSE, FALSE)
METHOD(method_reset, &replace_nvram, REQUEST_CALL_RESET, FALSE, FALSE)
METHOD(method_rebind, &rebind, REQUEST_CALL_REBIND, FALSE, FALSE)
METHOD(method_clone, &clone_vm, REQUEST_CALL_CLONE, TRUE, FALSE)
METHOD(method_rename, &rename_vm, REQUEST_CALL_BARE, TRUE, FALSE)
METHOD(method_export, &export_nvram, REQUEST_CALL_EXPORT, FALSE, FALSE)
METHOD(method_import, &replace_nvram, REQUEST_CALL_IMPORT, FALSE, TRUE)
METHOD(method_read_variables, &read_variables, REQUEST_CALL_READ_VARIABLES, FALSE, FALSE)
METHOD(method_get_variable, &get_variable, REQUEST_CALL_GET_VARIABLE, FALSE, FALSE)
METHOD(method_list_backups, &list_backups, REQUEST_CALL_BARE, FALSE, FALSE)
METHOD(method_remove, &remove_vm, REQUEST_CALL_BARE, FALSE, FALSE)
METHOD(method_get_resolution, &get_resolution, REQUEST_CALL_GET_RESOLUTION, FALSE, FALSE)

#define CHANGES_FLAG SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE
#define CONST_FLAG SD_BUS_VTABLE_PROPERTY_CONST
#define OPTIONS SD_BUS_ARGS("a{sv}", options)

const sd_bus_vtable bus_vm_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Id", "s", get_property, 0, CONST_FLAG),
        SD_BUS_PROPERTY("Owner", "u", get_property, 0, CONST_FLAG),
        SD_BUS_PROPERTY("Created", "t", get_property, 0, CONST_FLAG),
        SD_BUS_PROPERTY("Architecture", "s", get_property, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("Machine", "s", get_property, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("Firmware", "s", get_property, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("NVRAM", "(ss)", get_property, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("State", "s", get_property, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("InUse", "b", get_property, 0, 0),
        SD_BUS_PROPERTY("ExecutableDigest", "s", get_property, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("TemplateDigest", "s", get_property, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("Changed", "as", get_property, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("LastPrepared", "t", get_property, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("SecureBoot", "s", get_property, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("Certificates", "a{ss}", get_property, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("Expires", "x", get_property, 0, CHANGES_FLAG),
        SD_BUS_PROPERTY("Health", "s", get_property, 0, CHANGES_FLAG),
        SD_BUS_METHOD_WITH_ARGS(
                "Acquire", OPTIONS, SD_BUS_RESULT("h", lease), method_acquire,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                "OpenNVRAM", OPTIONS, SD_BUS_RESULT("h", nvram, "h", lease), method_open_nvram,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                "Reset", OPTIONS, SD_BUS_NO_RESULT, method_reset, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                "Rebind", OPTIONS, SD_BUS_RESULT("a{sv}", resolution), method_rebind,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                "Clone", SD_BUS_ARGS("s", id, "a{sv}", options), SD_BUS_RESULT("o", vm),
                method_clone, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                "Rename", SD_BUS_ARGS("s", id), SD_BUS_RESULT("o", vm), method_rename,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                "Export", OPTIONS, SD_BUS_RESULT("h", nvram, "t", size), method_export,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                "Import", SD_BUS_ARGS("h", nvram, "a{sv}", options), SD_BUS_NO_RESULT,
                method_import, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                "ReadVariables", OPTIONS, SD_BUS_RESULT("a{sv}", report), method_read_variables,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                "GetVariable", SD_BUS_ARGS("s", guid, "s", name, "a{sv}", options),
                SD_BUS_RESULT("u", attributes, "ay", data), method_get_variable,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                "ChangeVariables", SD_BUS_ARGS("aa{sv}", changes, "a{sv}", options),
                SD_BUS_RESULT("a{sv}", result), bus_method_change_variables,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                "ListBackups", OPTIONS, SD_BUS_RESULT("aa{sv}", backups), method_list_backups,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                "Restore", SD_BUS_ARGS("u", index, "a{sv}", options), SD_BUS_NO_RESULT,
                method_restore, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                "Remove", OPTIONS, SD_BUS_NO_RESULT, method_remove, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                "SetReference", SD_BUS_ARGS("s", reference, "a{sv}", options), SD_BUS_NO_RESULT,
                method_set_reference, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                "GetResolution", OPTIONS, SD_BUS_RESULT("a{sv}", resolution), method_get_resolution,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};
