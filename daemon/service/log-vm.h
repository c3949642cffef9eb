/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/vms.h"

/* What is logged of VMs, with the journal's fields: see log-catalog.h. */

void log_vm_change(const VM *vm, VMChange change);
/* It has the id of VM now. */
void log_vm_renamed(const VM *vm, const char *old_id);
/* The record cannot be read. */
void log_vm_unreadable(const VM *vm);
