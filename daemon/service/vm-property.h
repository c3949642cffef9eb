/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/vm-condition.h"
#include "vm/vm-look.h"

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
    VM_PROPERTY_SECURE_BOOT = 1 << 8,
    VM_PROPERTY_CERTIFICATES = 1 << 9,
    VM_PROPERTY_EXPIRES = 1 << 10,
    VM_PROPERTY_HEALTH = 1 << 11,
    VM_PROPERTY_LAST_PREPARED = 1 << 12,
} VMProperty;

/* Returns the properties, or-ed, that differ between two pins of a VM. */
guint vm_property_compare(const Pin *a, const Pin *b);
/* The same for two looks at the store of a VM with PIN; A may be NULL. */
guint vm_property_compare_looks(const Pin *pin, const VMLook *a, const VMLook *b);
/* The same for two sets of VMDifference, without the part of State that is computed when it is
 * read. */
guint vm_property_compare_differences(guint a, guint b);
/* The value of SecureBoot. */
const char *vm_property_get_secure_boot(const Pin *pin, const VMLook *look);
