/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/vm-condition.h"

/* One VM of the table of VMs, and which properties of the bus differ when its values change. */

typedef struct VM {
    uid_t owner;
    char *id;
    Pin *pin;
    char *fault;              /* why the record cannot be read; then PIN is NULL */
    guint64 size;             /* bytes of all its files */
    guint64 last_prepared;    /* µs since the epoch */
    guint differences;        /* VMDifference, or-ed */
    gboolean lacks_good_copy; /* once, since the service started */
    guint n_assessed;         /* how often DIFFERENCES were set */
    VMCondition condition;    /* as last read; without a look where PIN has no NVRAM */
    const VMStore *store;     /* borrowed */
} VM;

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

void vm_free(VM *vm);

/* Each sets a value, and returns the properties, or-ed, that differ: of State without the part that
 * is computed when it is read. */
guint vm_set_pin(VM *vm, const Pin *pin);
guint vm_set_differences(VM *vm, guint differences);
/* Takes CONDITION over, unless its reading began before that of the present one: readings and
 * operations run at once, and end in any order. A VM keeps its look where CONDITION has none. */
guint vm_set_condition(VM *vm, const VMCondition *condition);

/* A property of org.vmfirmware1.VM. */
typedef struct VMPropertyEntry {
    const char *name;
    const char *type;
    guint property; /* VMProperty; 0: no change is reported */
    void (*write)(Sink *sink, const VM *vm);
} VMPropertyEntry;

/* In the order of the interface; ends with a property whose name is NULL. */
extern const VMPropertyEntry vm_properties[];
