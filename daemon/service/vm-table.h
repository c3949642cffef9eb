/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/vm.h"

/* All VMs, by owner and id. A VM with an unreadable record has no pin: it is not visible on the
 * bus, and counts against its owner's limits. */

typedef struct VMTable VMTable;

VMTable *vm_table_new(void) G_GNUC_WARN_UNUSED_RESULT;
void vm_table_free(VMTable *table);

/* Takes ownership of VM, whose owner and id no other VM of the table has. */
void vm_table_add(VMTable *table, VM *vm);
/* Frees VM. */
void vm_table_remove(VMTable *table, const VM *vm);
/* Returns the old id, which the caller owns. */
char *vm_table_rename(VMTable *table, VM *vm, const char *new_id) G_GNUC_WARN_UNUSED_RESULT;

/* NULL: there is none. */
VM *vm_table_find(const VMTable *table, uid_t owner, const char *id);
VM *vm_table_find_unreadable(const VMTable *table, uid_t owner, const char *id);

/* The number of VMs with a pin. */
guint vm_table_get_size(const VMTable *table);
/* VMs with a pin, in no order. */
void vm_table_begin(const VMTable *table, GHashTableIter *iter);
/* The same, by owner and id: of VM, which the table keeps. It is sorted once for each set of VMs.
 */
GPtrArray *vm_table_list(VMTable *table) G_GNUC_WARN_UNUSED_RESULT;
/* The number of OWNER's VMs, and the bytes of their files. */
void vm_table_get_usage(const VMTable *table, uid_t owner, guint *ret_n, guint64 *ret_size);
