/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/vm-call.h"
#include "core/resolution.h"

/* Appends the a{sv} of a resolution, with the rendering that REQUEST asks for. */
int bus_append_resolution(
        sd_bus_message *reply, const Resolution *resolution, const Request *request,
        sd_bus_error *ret_error);

/* Replies with the report that CALL has made. */
int bus_reply_report(const VMCall *call);

/* Appends the a{sv} of RESULT: the resolution's keys, then the VM's own. */
int bus_append_vm_resolution(
        sd_bus_message *reply, const VMOp *op, const VMResult *result, sd_bus_error *ret_error);
