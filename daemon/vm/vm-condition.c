/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/vm-condition.h"

#include "base/error.h"
#include "vm/vm-lock.h"
#include "vm/vm-ops.h"

static const char *get_nvram_fault(
        const VMStore *store, uid_t owner, const char *id, const Pin *pin) {
    g_autoptr(GError) error = NULL;

    if (vm_op_check_nvram(store, owner, id, pin, &error))
        return NULL;
    if (g_error_matches(error, FIRMWARE_ERROR, FIRMWARE_ERROR_NVRAM_MISMATCH) ||
        g_error_matches(error, FIRMWARE_ERROR, FIRMWARE_ERROR_IMAGE_UNUSABLE))
        return "nvram-mismatch";
    /* a file lease hides the content, and makes it no worse */
    if (g_error_matches(error, FIRMWARE_ERROR, FIRMWARE_ERROR_NVRAM_IN_USE))
        return NULL;
    return "nvram-missing";
}

void vm_read_condition(
        VMStore *store, uid_t owner, const char *id, const Pin *pin, VMCondition *ret) {
    *ret = (VMCondition){
            .nvram_fault = get_nvram_fault(store, owner, id, pin),
            .is_in_use = vm_is_in_use(store, owner, id),
    };
}

const char *vm_get_state(guint differences, const VMCondition *condition) {
    if (differences & VM_DIFFERENCE_GONE)
        return "firmware-gone";
    if (condition->nvram_fault)
        return condition->nvram_fault;
    return differences ? "changed" : "ready";
}
