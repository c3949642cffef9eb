/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/place.h"
#include "vm/policy.h"
#include "vm/vm-ops.h"

typedef struct VMCall VMCall;

/* What a method on VMs does, once its arguments are read and the caller may. */
typedef struct VMMethod {
    /* on the loop, when the owners' earlier work is done */
    gboolean (*decide)(VMOp *op, const PolicyFacts *facts, GError **error);
    /* on a thread */
    gboolean (*run)(const VMOp *op, VMResult *result, GError **error);
    /* On the loop, when the table of VMs has the result: replies, unless it sets CALL->error. */
    int (*finish)(VMCall *call, sd_bus_error *ret_error);
} VMMethod;

struct VMCall {
    Bus *bus;
    const VMMethod *method;
    sd_bus_message *message;
    uid_t caller;

    Place *place; /* NULL: the caller has left the bus */
    sd_bus_slot *authorisation;
    VMOp op;
    VMResult result;
    GError *error;
};

/* With OWNER and ID, CALL->op's other arguments are the caller's to set. */
VMCall *bus_vm_call_new(
        Bus *bus, const VMMethod *method, sd_bus_message *message, uid_t caller, uid_t owner,
        const char *id);
void bus_vm_call_free(VMCall *call);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VMCall, bus_vm_call_free)
/* Takes CALL: authorises it, queues it, replies. Sets RET_ERROR for what is refused
 * at once. */
int bus_vm_call_begin(VMCall *call, sd_bus_error *ret_error);
/* An id that a caller sent. */
int bus_check_id(const char *id, sd_bus_error *ret_error);
const VM *bus_find_vm(const Bus *bus, uid_t owner, const char *id, GError **error);
