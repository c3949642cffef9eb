/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/vms.h"

/* What is logged of VMs, with the journal's fields: see log-catalog.h. */

void log_vm_change(const VM *vm, VMChange change);
/* The record cannot be read. */
void log_vm_unreadable(const VM *vm);
