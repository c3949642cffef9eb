/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service/vm.h"

#include "vm/vm-answer.h"

void vm_free(VM *vm) {
    g_free(vm->id);
    pin_unref(vm->pin);
    vm_condition_clear(&vm->condition);
    g_free(vm->fault);
    g_free(vm);
}

static const char *get_secure_boot(const Pin *pin, const VMLook *look) {
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
    if (!g_str_equal(get_secure_boot(a, NULL), get_secure_boot(b, NULL)))
        properties |= VM_PROPERTY_SECURE_BOOT;
    return properties;
}

static guint compare_looks(const Pin *pin, const VMLook *a, const VMLook *b) {
    const StoreSummary *summary_a = vm_look_get_summary(a);
    const StoreSummary *summary_b = vm_look_get_summary(b);
    guint properties = 0;

    if (!g_str_equal(get_secure_boot(pin, a), get_secure_boot(pin, b)))
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
    guint properties = compare_pins(vm->pin, pin);
    const Pin *old = vm->pin;

    vm->pin = pin_ref(pin);
    pin_unref(old);
    /* a reading with the old pin can have begun later than that of the new one */
    vm->condition.begun = 0;
    /* no reading replaces it: there is nothing to read */
    if (!pin->has_nvram) {
        properties |= compare_looks(pin, vm->condition.look, NULL);
        g_clear_pointer(&vm->condition.look, vm_look_unref);
    }
    return properties;
}

guint vm_set_differences(VM *vm, guint differences) {
    const guint before = vm->differences;

    vm->differences = differences;
    vm->n_assessed++;
    return compare_differences(before, differences);
}

guint vm_set_condition(VM *vm, const VMCondition *condition) {
    g_autoptr(VMLook) before = NULL;

    if (condition->begun < vm->condition.begun)
        return 0;
    before = vm->condition.look;
    vm->condition = *condition;
    if (!condition->look) {
        vm->condition.look = g_steal_pointer(&before);
        return 0;
    }
    vm->condition.look = vm_look_ref(condition->look);
    return compare_looks(vm->pin, before, condition->look);
}

/* -- the properties ---------------------------------------------------------------------- */

#define PROPERTY(name) static void write_##name(Sink *sink, const VM *vm)

PROPERTY(id) {
    sink_string(sink, vm->id);
}

PROPERTY(owner) {
    sink_uint32(sink, vm->owner);
}

PROPERTY(created) {
    sink_basic(sink, 't', &vm->pin->created);
}

PROPERTY(architecture) {
    sink_string(sink, vm->pin->resolution->architecture);
}

PROPERTY(machine) {
    sink_string(sink, vm->pin->machine);
}

PROPERTY(firmware) {
    sink_string(sink, vm->pin->resolution->name);
}

PROPERTY(nvram) {
    vm_answer_nvram_names(sink, vm->store, vm->owner, vm->id, vm->pin);
}

PROPERTY(state) {
    sink_string(sink, vm_get_state(vm->differences, &vm->condition));
}

PROPERTY(in_use) {
    const int is_in_use = vm->condition.is_in_use;

    sink_basic(sink, 'b', &is_in_use);
}

PROPERTY(executable_digest) {
    sink_string(sink, vm->pin->executable_digest);
}

PROPERTY(template_digest) {
    sink_string(sink, vm->pin->template_digest);
}

PROPERTY(changed) {
    g_autoptr(GPtrArray) words = vm_differences_to_words(vm->differences);

    sink_words(sink, words);
}

PROPERTY(last_prepared) {
    sink_basic(sink, 't', &vm->last_prepared);
}

static const StoreSummary *get_summary(const VM *vm) {
    return vm_look_get_summary(vm->condition.look);
}

PROPERTY(secure_boot) {
    sink_string(sink, get_secure_boot(vm->pin, vm->condition.look));
}

PROPERTY(certificates) {
    store_report_write_generations(store_summary_get_generations(get_summary(vm)), sink);
}

PROPERTY(expires) {
    const gint64 expires = store_summary_get_expires(get_summary(vm));

    sink_basic(sink, 'x', &expires);
}

PROPERTY(health) {
    sink_string(sink, store_summary_get_health(get_summary(vm)));
}

const VMPropertyEntry vm_properties[] = {
        {"Id", "s", 0, write_id},
        {"Owner", "u", 0, write_owner},
        {"Created", "t", 0, write_created},
        {"Architecture", "s", VM_PROPERTY_ARCHITECTURE, write_architecture},
        {"Machine", "s", VM_PROPERTY_MACHINE, write_machine},
        {"Firmware", "s", VM_PROPERTY_FIRMWARE, write_firmware},
        {"NVRAM", "(ss)", VM_PROPERTY_NVRAM, write_nvram},
        {"State", "s", VM_PROPERTY_STATE, write_state},
        {"InUse", "b", 0, write_in_use},
        {"ExecutableDigest", "s", VM_PROPERTY_EXECUTABLE_DIGEST, write_executable_digest},
        {"TemplateDigest", "s", VM_PROPERTY_TEMPLATE_DIGEST, write_template_digest},
        {"Changed", "as", VM_PROPERTY_CHANGED, write_changed},
        {"LastPrepared", "t", VM_PROPERTY_LAST_PREPARED, write_last_prepared},
        {"SecureBoot", "s", VM_PROPERTY_SECURE_BOOT, write_secure_boot},
        {"Certificates", "a{ss}", VM_PROPERTY_CERTIFICATES, write_certificates},
        {"Expires", "x", VM_PROPERTY_EXPIRES, write_expires},
        {"Health", "s", VM_PROPERTY_HEALTH, write_health},
        {},
};
