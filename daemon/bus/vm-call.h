/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/state.h"
#include "core/request.h"
#include "vm/vm-ops.h"

typedef struct VMCall VMCall;

/* What a method on VMs does, once its arguments are read and the caller may. */
typedef struct VMMethod {
    /* On the loop, when the owner's earlier work is done: finds the VM, sets up CALL->op. */
    gboolean (*start)(VMCall *call, GError **error);
    /* On a thread. */
    gboolean (*run)(VMOp *op, GError **error);
    /* On the loop: keeps the table, and replies. */
    int (*finish)(VMCall *call, sd_bus_error *ret_error);
} VMMethod;

struct VMCall {
    Bus *bus;
    const VMMethod *method;
    sd_bus_message *message;
    uid_t caller;
    uid_t owner; /* of the VM */
    char *id;
    uid_t new_owner; /* of a VM to be made from it; otherwise the owner */
    char *new_id;
    Request *request;
    int fd; /* what the caller sent; -1: none */

    gboolean is_admitted;
    gboolean is_abandoned; /* the caller has left the bus */
    sd_bus_track *track;
    sd_bus_slot *authorisation;
    Catalog *catalog;
    GStrv host_features;
    Pin *pin;
    VMOp op;
    GError *error;
};

/* Takes CALL: authorises it, queues it, replies. Sets RET_ERROR for what is refused
 * at once. */
VMCall *bus_vm_call_new(
        Bus *bus, const VMMethod *method, sd_bus_message *message, uid_t caller, uid_t owner,
        const char *id);
void bus_vm_call_free(VMCall *call);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VMCall, bus_vm_call_free)
int bus_vm_call_begin(VMCall *call, sd_bus_error *ret_error);
/* An id that a caller sent. */
int bus_check_id(const char *id, sd_bus_error *ret_error);
const VM *bus_find_vm(const Bus *bus, uid_t owner, const char *id, GError **error);
/* Its VM is there: sets CALL->pin. */
gboolean bus_vm_call_find(VMCall *call, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* FIRMWARE_ERROR_VM_EXISTS where it does. */
gboolean bus_vm_call_check_new(VMCall *call, uid_t owner, const char *id, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
gboolean bus_vm_call_check_limits(VMCall *call, uid_t owner, gboolean is_new, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
/* Before anything is changed: RESOLUTION, which it takes, can be rendered as CALL wants it. */
gboolean bus_vm_call_check_render(VMCall *call, Resolution *resolution, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
/* The firmware for CALL's request. It can be rendered. */
gboolean bus_vm_call_choose(VMCall *call, GError **error) G_GNUC_WARN_UNUSED_RESULT;
