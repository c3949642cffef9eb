/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/vm-call.h"

#include "bus/error.h"
#include "bus/place.h"
#include "bus/state.h"
#include "base/error.h"
#include "service/polkit.h"
#include "vm/vm-condition.h"

/* One call of a method on VMs. It is admitted, authorised, queued behind earlier work of its owner,
 * run on a worker thread, and answered. Nothing changes before the authorisation. */

VMCall *bus_vm_call_new(
        Bus *bus, const VMMethod *method, sd_bus_message *message, uid_t caller, uid_t owner,
        const char *id) {
    VMCall *call = g_new0(VMCall, 1);

    call->bus = bus;
    call->method = method;
    call->message = sd_bus_message_ref(message);
    call->caller = caller;
    call->op = VM_OP_INIT;
    call->op.owner = owner;
    call->op.new_owner = owner;
    call->op.id = g_strdup(id);
    call->op.commit = &call->commit;
    call->result = VM_RESULT_INIT;
    return call;
}

void bus_vm_call_free(VMCall *call) {
    if (!call)
        return;

    bus_place_free(call->place);
    sd_bus_slot_unref(call->authorisation);
    sd_bus_message_unref(call->message);
    sd_bus_message_unref(call->expected);
    vm_op_clear(&call->op);
    vm_result_clear(&call->result);
    g_clear_error(&call->error);
    g_free(call);
}

int bus_check_id(const char *id, sd_bus_error *ret_error) {
    if (vmstore_is_id(id))
        return 0;
    return sd_bus_error_set(
            ret_error, firmware_error_name(FIRMWARE_ERROR_INVALID_ARGS),
            "id: not 1 to 200 bytes of UTF-8 without slashes and control characters, or it begins "
            "with a dot");
}

const VM *bus_find_vm(const Bus *bus, uid_t owner, const char *id, GError **error) {
    const VM *vm = vms_find(bus->vms, owner, id);

    if (!vms_check(bus->vms, error) || !vms_check_known(bus->vms, owner, id, error))
        return NULL;
    return policy_check_exists(vm ? vm->pin : NULL, vm ? vm->fault : NULL, owner, id, error) ? vm
                                                                                             : NULL;
}

/* -- steps of a call ------------------------------------------------------------------ */

static void reply_error(VMCall *call, const sd_bus_error *error) {
    int r = sd_bus_reply_method_error(call->message, error);

    if (r < 0)
        g_debug("VM %s: the reply cannot be sent: %s", call->op.id, g_strerror(-r));
}

static void reply_gerror(VMCall *call, const GError *error) {
    g_auto(sd_bus_error) bus_error = SD_BUS_ERROR_NULL;

    (void)bus_error_set(&bus_error, error);
    reply_error(call, &bus_error);
}

static void get_usage(gconstpointer vms, uid_t owner, guint *ret_n, guint64 *ret_size) {
    vms_get_usage(vms, owner, ret_n, ret_size);
}

static gboolean decide(VMCall *call, GError **error) {
    const ConfigLimits *limits = &live_catalog_get_config(call->bus->live)->limits;
    const VMOp *op = &call->op;
    const PolicyFacts facts = {
            .is_new_id_taken =
                    op->new_id && vms_find(call->bus->vms, op->new_owner, op->new_id) != NULL,
            .hides_reference = call->caller != 0 && call->caller != op->owner,
            .get_usage = call->caller == 0 ? NULL : get_usage,
            .userdata = call->bus->vms,
            .max_vms = limits->vms_per_user,
            .max_size = limits->bytes_per_user,
    };

    return vms_check(call->bus->vms, error) &&
            (!*op->id || vms_check_known(call->bus->vms, op->owner, op->id, error)) &&
            (!op->new_id || vms_check_known(call->bus->vms, op->new_owner, op->new_id, error)) &&
            call->method->decide(&call->op, &facts, error);
}

static gboolean start_call(gpointer data) {
    VMCall *call = data;

    vms_begin(call->bus->vms, &call->op);
    call->op.max_backups = (guint)live_catalog_get_config(call->bus->live)->limits.backups;
    if (decide(call, &call->error))
        return TRUE;
    reply_gerror(call, call->error);
    return FALSE;
}

static void expect_result(gpointer data) {
    VMCall *call = data;

    if (call->method->expect)
        call->method->expect(call);
}

static void run_call(gpointer data) {
    VMCall *call = data;

    (void)call->method->run(&call->op, &call->result, &call->error);
    vm_read_result(&call->op, &call->result);
}

static void finish_call(gpointer data) {
    VMCall *call = data;
    g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
    gboolean is_prepared;
    int r = 0;

    /* a failed operation can also report a change of the VM */
    is_prepared = vms_finish(call->bus->vms, &call->op, &call->result);
    if (!call->error)
        r = call->method->finish(call, &error);

    if (call->error) {
        reply_gerror(call, call->error);
    } else if (r < 0) {
        if (!sd_bus_error_is_set(&error))
            (void)sd_bus_error_set_errno(&error, r);
        reply_error(call, &error);
    }
    /* after the answer, which the bus passes on first: a start need not wait for this signal */
    if (is_prepared)
        vms_tell_prepared(call->bus->vms, call->op.owner, call->op.id);
}

/* Abandons a call that has changed nothing, once a build of the catalog waits for a file system as
 * well; a slow disk alone is no reason. */
static gboolean abandon_call(gpointer data) {
    VMCall *call = data;
    g_autoptr(GError) error = NULL;

    if (!live_catalog_is_stalled(call->bus->live)) {
        live_catalog_look(call->bus->live);
        return FALSE;
    }
    if (!commit_abandon(&call->commit))
        return FALSE;

    error = g_error_new(
            FIRMWARE_ERROR, FIRMWARE_ERROR_IO,
            "VM %s: nothing has changed, because a file system does not answer: see the Problems "
            "of the Manager",
            call->op.id);
    reply_gerror(call, error);
    g_clear_pointer(&call->place, bus_place_free);
    return TRUE;
}

static void free_call(gpointer data) {
    bus_vm_call_free(data);
}

static void queue_call(VMCall *call) {
    static const JobFunctions functions = {
            .start = start_call,
            .run = run_call,
            .started = expect_result,
            .done = finish_call,
            .stalled = abandon_call,
            .free = free_call,
    };

    call->bus->n_operations++;
    jobs_add(vms_get_jobs(call->bus->vms), call->op.owner, call->op.new_owner, &functions, call);
}

/* The call has lost its caller: it is dropped if it has not begun, and releases its place. */
static void on_caller_gone(gpointer userdata) {
    VMCall *call = userdata;
    guint index;

    g_clear_pointer(&call->place, bus_place_free);
    if (g_ptr_array_find(call->bus->calls, call, &index))
        g_ptr_array_remove_index_fast(call->bus->calls, index);
    else
        jobs_remove(vms_get_jobs(call->bus->vms), call->op.owner, call);
}

static void on_authorised(const GError *refusal, gpointer userdata) {
    VMCall *call = userdata;
    guint index;
    gboolean is_found = g_ptr_array_find(call->bus->calls, call, &index);

    g_assert(is_found);
    (void)g_ptr_array_steal_index_fast(call->bus->calls, index);
    if (refusal) {
        reply_gerror(call, refusal);
        bus_vm_call_free(call);
        return;
    }
    queue_call(call);
}

int bus_vm_call_begin(VMCall *call, sd_bus_error *ret_error) {
    g_autoptr(VMCall) owned = call;
    g_autoptr(GError) error = NULL;
    g_autoptr(sd_bus_message) detached = NULL;
    gboolean is_own = call->caller == call->op.owner && call->caller == call->op.new_owner;
    int r;

    call->place = bus_admit(call->bus, call->message, on_caller_gone, call, &error);
    if (!call->place)
        return bus_error_set(ret_error, error);

    r = bus_message_detach(call->message, &detached);
    if (r < 0)
        return r;
    sd_bus_message_unref(call->message);
    call->message = g_steal_pointer(&detached);

    /* a user's own service cannot create files for other users */
    if (call->method->is_open || call->caller == 0 || (is_own && bus_is_privileged(call->caller))) {
        queue_call(g_steal_pointer(&owned));
        return 1;
    }

    r = polkit_check(
            call->message, is_own ? POLKIT_ACTION_MANAGE_OWN_VMS : POLKIT_ACTION_MANAGE_ALL_VMS,
            on_authorised, call, &call->authorisation);
    if (r < 0)
        return r;
    g_ptr_array_add(call->bus->calls, g_steal_pointer(&owned));
    return 1;
}
