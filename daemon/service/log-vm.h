/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/vms.h"

/* Log messages about VMs, with the journal fields of log-catalog.h. */

void log_vm_change(const VM *vm, VMChange change);
/* Logs that OLD_ID is now the id of VM. */
void log_vm_renamed(const VM *vm, const char *old_id);
/* Logs that a guest may not start from VM's store, if its last look says so. */
void log_vm_health(const VM *vm);
/* Logs, unless it has before, that the limit of the owner leaves no room for a good copy of VM's
 * variables. Returns TRUE. */
gboolean log_vm_good_copy(const VM *vm);
/* Logs that VM begins with certificates that have expired, if its last look says so. */
void log_vm_expired(const VM *vm);
/* Logs that the directory of OWNER cannot be read to its end. */
void log_owner_unreadable(uid_t owner, const char *fault);
/* Logs that the record of VM cannot be read. */
void log_vm_unreadable(const VM *vm);
