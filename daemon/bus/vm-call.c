/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/vm-call.h"

#include "bus/admission.h"
#include "bus/error.h"
#include "bus/state.h"
#include "base/error.h"
#include "service/polkit.h"
#include "core/render.h"

/* One call of a method on VMs: admitted, authorised, queued behind its owner's earlier work, run
 * beside the event loop, answered. Nothing changes before it is authorised. */

VMCall *bus_vm_call_new(
        Bus *bus, const VMMethod *method, sd_bus_message *message, uid_t caller, uid_t owner,
        const char *id) {
    VMCall *call = g_new0(VMCall, 1);

    call->bus = bus;
    call->method = method;
    call->message = sd_bus_message_ref(message);
    call->caller = caller;
    call->owner = owner;
    call->new_owner = owner;
    call->id = g_strdup(id);
    call->fd = FILE_FD_NONE;
    call->op.lease = FILE_FD_NONE;
    call->op.nvram = FILE_FD_NONE;
    call->op.source = FILE_FD_NONE;
    return call;
}

static void close_fd(FileFd fd) {
    if (fd >= 0)
        file_fd_close(fd);
}

void bus_vm_call_free(VMCall *call) {
    if (!call)
        return;

    if (call->is_admitted)
        bus_release(call->bus, call->caller);
    sd_bus_track_unref(call->track);
    sd_bus_slot_unref(call->authorisation);
    sd_bus_message_unref(call->message);
    g_free(call->id);
    g_free(call->new_id);
    request_free(call->request);
    close_fd(call->fd);
    close_fd(call->op.lease);
    close_fd(call->op.nvram);
    pin_unref(call->op.new_pin);
    resolution_free(call->op.resolution);
    g_clear_pointer(&call->op.changed, g_ptr_array_unref);
    g_free(call->op.nearest);
    g_clear_pointer(&call->catalog, catalog_unref);
    g_strfreev(call->host_features);
    pin_unref(call->pin);
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

/* -- what methods need when they start --------------------------------------------------- */

const VM *bus_find_vm(const Bus *bus, uid_t owner, const char *id, GError **error) {
    const VM *vm = vms_find(bus->vms, owner, id);

    if (!vm)
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_NO_SUCH_VM, "uid %u has no VM \"%s\"",
                (unsigned)owner, id);
    return vm;
}

gboolean bus_vm_call_find(VMCall *call, GError **error) {
    const VM *vm = bus_find_vm(call->bus, call->owner, call->id, error);

    if (!vm)
        return FALSE;
    call->pin = pin_ref(vm->pin);
    call->op.pin = call->pin;
    return TRUE;
}

gboolean bus_vm_call_check_new(VMCall *call, uid_t owner, const char *id, GError **error) {
    if (!vms_find(call->bus->vms, owner, id))
        return TRUE;
    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_VM_EXISTS, "uid %u has a VM \"%s\" already",
            (unsigned)owner, id);
    return FALSE;
}

gboolean bus_vm_call_check_limits(VMCall *call, uid_t owner, gboolean is_new, GError **error) {
    const ConfigLimits *limits = &live_catalog_get_config(call->bus->live)->limits;
    guint64 size;
    guint n;

    if (call->caller == 0)
        return TRUE;

    vms_get_usage(call->bus->vms, owner, &n, &size);
    if ((is_new && n >= limits->vms_per_user) || size >= limits->bytes_per_user) {
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_LIMITS_EXCEEDED,
                "VM %s: uid %u has %u VMs with %" G_GUINT64_FORMAT " bytes already", call->id,
                (unsigned)owner, n, size);
        return FALSE;
    }
    call->op.max_size = limits->bytes_per_user - size;
    return TRUE;
}

/* Takes RESOLUTION. Where its NVRAM will be makes no difference. */
gboolean bus_vm_call_check_render(VMCall *call, Resolution *resolution, GError **error) {
    g_autoptr(Resolution) trial = resolution;
    g_autofree char *xml = NULL;

    if (!(call->request->render & REQUEST_RENDER_LIBVIRT))
        return TRUE;
    if (descriptor_keeps_variables(trial->descriptor))
        resolution_set_nvram(trial, "/nvram", NULL);
    xml = render_libvirt(trial, error);
    return xml != NULL;
}

gboolean bus_vm_call_choose(VMCall *call, GError **error) {
    const Request *request = call->request;
    SelectionInput input;

    call->op.machine =
            machine_table_resolve(call->catalog->machines, request->architecture, request->machine);
    input = (SelectionInput){
            .catalog = call->catalog,
            .request = request,
            .machine = call->op.machine,
            .host_features = call->op.host_features};
    call->op.file = selection_choose(&input, error);
    return call->op.file &&
            bus_vm_call_check_render(
                    call, resolution_new(call->op.file, &call->op.machine, request), error);
}

/* -- the way of a call ------------------------------------------------------------------- */

static void reply_error(VMCall *call, const sd_bus_error *error) {
    int r = sd_bus_reply_method_error(call->message, error);

    if (r < 0)
        g_debug("VM %s: the reply cannot be sent: %s", call->id, g_strerror(-r));
}

static void reply_gerror(VMCall *call, const GError *error) {
    g_auto(sd_bus_error) bus_error = SD_BUS_ERROR_NULL;

    (void)bus_error_set(&bus_error, error);
    reply_error(call, &bus_error);
}

static gboolean start_call(gpointer data) {
    VMCall *call = data;
    VMOp *op = &call->op;

    if (call->is_abandoned)
        return FALSE;

    call->catalog = catalog_ref((Catalog *)live_catalog_get_catalog(call->bus->live));
    call->host_features = g_strdupv((GStrv)live_catalog_get_host_features(call->bus->live));
    op->store = vms_get_store(call->bus->vms);
    op->digests = vms_get_digests(call->bus->vms);
    op->catalog = call->catalog;
    op->host_features = (const char *const *)call->host_features;
    op->owner = call->owner;
    op->id = call->id;
    op->request = call->request;
    op->source = call->fd;
    op->new_owner = call->new_owner;
    op->new_id = call->new_id;

    if (call->method->start(call, &call->error))
        return TRUE;
    reply_gerror(call, call->error);
    return FALSE;
}

static void run_call(gpointer data) {
    VMCall *call = data;

    (void)call->method->run(&call->op, &call->error);
    vm_op_measure(&call->op);
}

static void finish_call(gpointer data) {
    VMCall *call = data;
    g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
    int r;

    /* what it found out is of a catalog that has gone since */
    if (call->catalog != live_catalog_get_catalog(call->bus->live))
        vms_assess_all(call->bus->vms);

    if (call->error && !call->op.new_pin) {
        /* a refusal, too, can be news of the VM */
        if (call->op.changed)
            vms_put(call->bus->vms, call->owner, call->id, call->pin, call->op.size,
                    call->op.changed, call->op.is_gone);
        reply_gerror(call, call->error);
        return;
    }

    r = call->method->finish(call, &error);
    if (call->error)
        reply_gerror(call, call->error);
    else if (r < 0) {
        (void)sd_bus_error_set_errno(&error, r);
        reply_error(call, &error);
    }
}

static void free_call(gpointer data) {
    bus_vm_call_free(data);
}

static void queue_call(VMCall *call) {
    static const JobFunctions functions = {
            .start = start_call, .run = run_call, .done = finish_call, .free = free_call};

    /* in order with whatever else is made for the owner that it is for */
    jobs_add(vms_get_jobs(call->bus->vms), call->new_owner, &functions, call);
}

/* Nobody waits for this one any more: it is dropped if it has not begun. */
static int on_caller_gone(sd_bus_track *track, void *userdata) {
    VMCall *call = userdata;
    guint index;

    call->is_abandoned = TRUE;
    if (g_ptr_array_find(call->bus->calls, call, &index))
        g_ptr_array_remove_index_fast(call->bus->calls, index);
    return 1;
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
    gboolean is_own = call->caller == call->owner && call->caller == call->new_owner;
    int r;

    if (!bus_admit(call->bus, call->caller, &error))
        return bus_error_set(ret_error, error);
    call->is_admitted = TRUE;

    r = bus_message_detach(call->message, &detached);
    if (r < 0)
        return r;
    sd_bus_message_unref(call->message);
    call->message = g_steal_pointer(&detached);

    r = bus_track_sender(call->message, on_caller_gone, call, &call->track);
    if (r < 0)
        return r;

    /* a user's own service cannot make files for anybody else */
    if (call->caller == 0 || (is_own && bus_is_privileged(call->caller))) {
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
