/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/pin.h"

/* Properties that can change with the pin, or for VM_CHANGE_STATE. */
typedef enum VMProperty {
    VM_PROPERTY_ARCHITECTURE = 1 << 0,
    VM_PROPERTY_MACHINE = 1 << 1,
    VM_PROPERTY_FIRMWARE = 1 << 2,
    VM_PROPERTY_NVRAM = 1 << 3,
    VM_PROPERTY_STATE = 1 << 4,
    VM_PROPERTY_EXECUTABLE_DIGEST = 1 << 5,
    VM_PROPERTY_TEMPLATE_DIGEST = 1 << 6,
    VM_PROPERTY_CHANGED = 1 << 7,
} VMProperty;

/* Returns the properties, or-ed, that differ between two pins of a VM. */
guint vm_property_compare(const Pin *a, const Pin *b);
