/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/vm-op.h"
#include "vm/vmstore-walk.h"

/* Reads the condition of a VM's files: its owner and a QEMU can change it at any time. Waits for
 * the disk. A directory that is gone counts as not in use, and its NVRAM as missing. CONDITION's
 * look (or NULL) is the last one: a store that has not changed since is not read again. */
void vm_read_condition(
        VMStore *store, uid_t owner, const char *id, const Pin *pin, KnownCertificates *known,
        VMCondition *condition);

/* Reads CONDITION again, which was read last, unless the status of the NVRAM shows that State and
 * the look are as they were. No file is opened for that, and a use is not noticed. Returns TRUE if
 * it was read. */
gboolean vm_read_state(
        VMStoreWalk *walk, uid_t owner, const char *id, const Pin *pin, KnownCertificates *known,
        VMCondition *condition);

/* The rest of it, where the caller has opened DIR_FD, the VM's directory, and FD, its NVRAM, and
 * has read LOOK (or NULL) from it. FILE_FD_NONE: could not be opened. *RET_SIZE is the size as from
 * vmstore_get_size(). The caller sets RET->begun. */
void vm_complete_condition(
        VMStore *store, int dir_fd, int fd, uid_t owner, VMLook *look, VMCondition *ret,
        guint64 *ret_size);

/* Sets RESULT's size, last_prepared and condition after an operation, unless the operation has. */
void vm_read_result(const VMOp *op, VMResult *result);

/* The contract's word for State. */
const char *vm_get_state(guint differences, const VMCondition *condition);
