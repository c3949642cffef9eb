/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service/vm.h"

void vm_free(VM *vm) {
    g_free(vm->id);
    pin_unref(vm->pin);
    vm_condition_clear(&vm->condition);
    g_free(vm->fault);
    g_free(vm);
}

const char *vm_get_secure_boot(const Pin *pin, const VMLook *look) {
    return store_summary_get_secure_boot(
            vm_look_get_summary(look),
            descriptor_has_feature(pin->resolution->descriptor, FEATURE_SECURE_BOOT));
}

/* -- the properties that differ ---------------------------------------------------------- */

static guint compare_pins(const Pin *a, const Pin *b) {
    guint properties = 0;

    if (!g_str_equal(a->resolution->architecture, b->resolution->architecture))
        properties |= VM_PROPERTY_ARCHITECTURE;
    if (!g_str_equal(a->machine, b->machine))
        properties |= VM_PROPERTY_MACHINE;
    if (!g_str_equal(a->resolution->name, b->resolution->name))
        properties |= VM_PROPERTY_FIRMWARE;
    if (a->has_nvram != b->has_nvram || (b->has_nvram && a->nvram_format != b->nvram_format))
        properties |= VM_PROPERTY_NVRAM;
    if (!g_str_equal(a->executable_digest, b->executable_digest))
        properties |= VM_PROPERTY_EXECUTABLE_DIGEST;
    if (!g_str_equal(a->template_digest, b->template_digest))
        properties |= VM_PROPERTY_TEMPLATE_DIGEST;
    if (!g_str_equal(vm_get_secure_boot(a, NULL), vm_get_secure_boot(b, NULL)))
        properties |= VM_PROPERTY_SECURE_BOOT;
    return properties;
}

static guint compare_looks(const Pin *pin, const VMLook *a, const VMLook *b) {
    const StoreSummary *summary_a = vm_look_get_summary(a);
    const StoreSummary *summary_b = vm_look_get_summary(b);
    guint properties = 0;

    if (!g_str_equal(vm_get_secure_boot(pin, a), vm_get_secure_boot(pin, b)))
        properties |= VM_PROPERTY_SECURE_BOOT;
    if (!store_summary_same_generations(summary_a, summary_b))
        properties |= VM_PROPERTY_CERTIFICATES;
    if (store_summary_get_expires(summary_a) != store_summary_get_expires(summary_b))
        properties |= VM_PROPERTY_EXPIRES;
    if (!g_str_equal(store_summary_get_health(summary_a), store_summary_get_health(summary_b)))
        properties |= VM_PROPERTY_HEALTH;
    return properties;
}

static const char *get_pin_state(guint differences) {
    return vm_get_state(differences, &(const VMCondition){});
}

static guint compare_differences(guint a, guint b) {
    guint properties = 0;

    if (!g_str_equal(get_pin_state(a), get_pin_state(b)))
        properties |= VM_PROPERTY_STATE;
    /* Changed has no word for it */
    if ((a ^ b) & ~(guint)VM_DIFFERENCE_GONE)
        properties |= VM_PROPERTY_CHANGED;
    return properties;
}

/* -- setting ----------------------------------------------------------------------------- */

guint vm_set_pin(VM *vm, const Pin *pin) {
    const guint properties = compare_pins(vm->pin, pin);
    const Pin *old = vm->pin;

    vm->pin = pin_ref(pin);
    pin_unref(old);
    return properties;
}

guint vm_set_differences(VM *vm, guint differences) {
    const guint before = vm->differences;

    vm->differences = differences;
    vm->n_assessed++;
    return compare_differences(before, differences);
}

guint vm_set_condition(VM *vm, const VMCondition *condition) {
    g_autoptr(VMLook) before = vm->condition.look;

    vm->condition = *condition;
    if (!condition->look) {
        vm->condition.look = g_steal_pointer(&before);
        return 0;
    }
    vm->condition.look = vm_look_ref(condition->look);
    return compare_looks(vm->pin, before, condition->look);
}
