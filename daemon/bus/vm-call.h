/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/place.h"
#include "vm/policy.h"
#include "vm/vm-ops.h"

typedef struct VMCall VMCall;

/* The work of a method on VMs, after its arguments are read and its caller is authorised. */
typedef struct VMMethod {
    /* on the event loop, after earlier work of the owners */
    gboolean (*decide)(VMOp *op, const PolicyFacts *facts, GError **error);
    /* on a worker thread */
    gboolean (*run)(const VMOp *op, VMResult *result, GError **error);
    /* On the event loop, after the table of VMs has the result. Replies, unless it sets
     * CALL->error. */
    int (*finish)(VMCall *call, sd_bus_error *ret_error);
    gboolean is_open; /* to all callers: it changes nothing, and asks for no authorisation */
    /* On the event loop while a worker thread has RUN to run, or NULL. */
    void (*expect)(VMCall *call);
} VMMethod;

struct VMCall {
    Bus *bus;
    const VMMethod *method;
    sd_bus_message *message;
    uid_t caller;

    Place *place; /* NULL: the caller has left the bus, or the call is abandoned */
    sd_bus_slot *authorisation;
    VMOp op;
    VMResult result;
    sd_bus_message *expected; /* the reply, if the result is as expected; or NULL */
    GError *error;
    Commit commit;
};

/* Sets OWNER and ID of CALL->op; the caller sets its other arguments. */
VMCall *bus_vm_call_new(
        Bus *bus, const VMMethod *method, sd_bus_message *message, uid_t caller, uid_t owner,
        const char *id);
void bus_vm_call_free(VMCall *call);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VMCall, bus_vm_call_free)
/* Takes ownership of CALL: authorises it, queues it, replies. Sets RET_ERROR for an immediate
 * refusal. */
int bus_vm_call_begin(VMCall *call, sd_bus_error *ret_error);
/* Validates an id from a caller. */
int bus_check_id(const char *id, sd_bus_error *ret_error);
const VM *bus_find_vm(const Bus *bus, uid_t owner, const char *id, GError **error);
