/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/names.h"
#include "bus/state.h"

/* The objects of VMs: their paths, and the signals about them. */

int bus_vm_add(Bus *bus);
/* Returns 1 and the owner and id in PATH, 0 if PATH is not the path of a VM, or a negative
 * errno. */
int bus_vm_decode_path(const char *path, uid_t *ret_owner, char **ret_id);
/* ID is one as of vmstore_is_id(). */
char *bus_vm_path(uid_t owner, const char *id) G_GNUC_WARN_UNUSED_RESULT;

/* A path of a list's row, for which nothing is allocated. The next row reuses what is the same. */
typedef struct VMPath {
    uid_t owner;
    gsize length; /* of the part before the id's; 0 at first: none */
    char text[sizeof BUS_VM_PATH + 1 + 10 + 1 + 3 * VMSTORE_MAX_ID];
} VMPath;

/* Returns the text in PATH. */
const char *bus_vm_write_path(VMPath *path, uid_t owner, const char *id);
int bus_vm_emit_changed(Bus *bus, const VM *vm, VMChange change, guint properties);
