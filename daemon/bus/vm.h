/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/state.h"

int bus_vm_add(Bus *bus);
char *bus_vm_path(uid_t owner, const char *id) G_GNUC_WARN_UNUSED_RESULT;
const char *bus_vm_get_state(const Bus *bus, const VM *vm);
int bus_vm_emit_changed(Bus *bus, const VM *vm, VMChange change, guint properties);
