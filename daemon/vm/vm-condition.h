/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/vm-op.h"

/* Reads the condition of a VM's files: its owner and a QEMU can change it at any time. Waits for
 * the disk. A directory that is gone counts as not in use, and its NVRAM as missing. BEFORE (or
 * NULL) is the last look: a store that has not changed since is not read again. The caller owns
 * RET's look. */
void vm_read_condition(
        VMStore *store, uid_t owner, const char *id, const Pin *pin, KnownCertificates *known,
        VMLook *before, VMCondition *ret);

/* The contract's word for State. */
const char *vm_get_state(guint differences, const VMCondition *condition);
