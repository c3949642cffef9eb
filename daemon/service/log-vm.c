/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service/log-vm.h"

#include "base/text.h"
#include "service/log-ids.h"

static void log_faulty(
        const VM *vm, GLogLevelFlags level, const char *message_id, const char *text) {
    g_autofree char *owner = g_strdup_printf("%u", (unsigned)vm->owner);
    g_autofree char *id = text_make_printable(vm->id);
    g_autofree char *fault = text_make_printable(vm->fault);

    g_log_structured(
            G_LOG_DOMAIN, level, "MESSAGE_ID", message_id, "VMFIRMWARE_VM_ID", vm->id,
            "VMFIRMWARE_VM_OWNER", owner, "MESSAGE", "VM %s of uid %s %s: %s", id, owner, text,
            fault);
}

static void log_vm(const VM *vm, GLogLevelFlags level, const char *message_id, const char *text) {
    const Resolution *firmware = vm->pin->resolution;
    g_autofree char *owner = g_strdup_printf("%u", (unsigned)vm->owner);
    g_autofree char *id = text_make_printable(vm->id);

    g_log_structured(
            G_LOG_DOMAIN, level, "MESSAGE_ID", message_id, "VMFIRMWARE_VM_ID", vm->id,
            "VMFIRMWARE_VM_OWNER", owner, "VMFIRMWARE_NAME", firmware->name, "VMFIRMWARE_PATH",
            firmware->path, "MESSAGE", "VM %s of uid %s %s %s", id, owner, text, firmware->name);
}

void log_vm_change(const VM *vm, VMChange change) {
    switch (change) {
    case VM_CHANGE_ADDED:
        log_vm(vm, G_LOG_LEVEL_INFO, LOG_ID_VM_ADDED, "is new, with firmware");
        break;
    case VM_CHANGE_REMOVED:
        if (vm->fault)
            log_faulty(
                    vm, G_LOG_LEVEL_INFO, LOG_ID_VM_REMOVED, "is removed, whose record was faulty");
        else
            log_vm(vm, G_LOG_LEVEL_INFO, LOG_ID_VM_REMOVED, "is removed; its firmware was");
        return;
    case VM_CHANGE_PIN:
        log_vm(vm, G_LOG_LEVEL_INFO, LOG_ID_VM_PINNED, "is pinned anew, to firmware");
        break;
    case VM_CHANGE_STATE:
        break;
    }
    if (vm->differences & VM_DIFFERENCE_GONE)
        log_vm(vm, G_LOG_LEVEL_WARNING, LOG_ID_VM_FIRMWARE_GONE,
               "cannot start: an image is gone from its firmware");
}

void log_vm_renamed(const VM *vm, const char *old_id) {
    g_autofree char *owner = g_strdup_printf("%u", (unsigned)vm->owner);
    g_autofree char *id = text_make_printable(vm->id);
    g_autofree char *old_name = text_make_printable(old_id);

    g_log_structured(
            G_LOG_DOMAIN, G_LOG_LEVEL_INFO, "MESSAGE_ID", LOG_ID_VM_RENAMED, "VMFIRMWARE_VM_ID",
            vm->id, "VMFIRMWARE_VM_OLD_ID", old_id, "VMFIRMWARE_VM_OWNER", owner, "MESSAGE",
            "VM %s of uid %s is renamed to %s", old_name, owner, id);
}

void log_vm_health(const VM *vm) {
    const StoreSummary *summary = vm_look_get_summary(vm->condition.look);
    g_autofree char *owner = g_strdup_printf("%u", (unsigned)vm->owner);
    g_autofree char *id = text_make_printable(vm->id);

    if (!summary || summary->health == STORE_HEALTH_OK || summary->health == STORE_HEALTH_PENDING ||
        summary->health == STORE_HEALTH_EMPTY)
        return;
    g_log_structured(
            G_LOG_DOMAIN, G_LOG_LEVEL_WARNING, "MESSAGE_ID", LOG_ID_VM_STORE, "VMFIRMWARE_VM_ID",
            vm->id, "VMFIRMWARE_VM_OWNER", owner, "MESSAGE",
            "VM %s of uid %s has a variable store that is %s: %s", id, owner,
            store_health_to_string(summary->health), summary->detail);
}

void log_vm_expired(const VM *vm) {
    g_autofree char *date = store_summary_find_expired(
            vm_look_get_summary(vm->condition.look), g_get_real_time() / G_USEC_PER_SEC);
    g_autofree char *owner = g_strdup_printf("%u", (unsigned)vm->owner);
    g_autofree char *id = text_make_printable(vm->id);

    if (!date || !descriptor_has_feature(vm->pin->resolution->descriptor, FEATURE_SECURE_BOOT))
        return;
    g_log_structured(
            G_LOG_DOMAIN, G_LOG_LEVEL_MESSAGE, "MESSAGE_ID", LOG_ID_VM_EXPIRED, "VMFIRMWARE_VM_ID",
            vm->id, "VMFIRMWARE_VM_OWNER", owner, "MESSAGE",
            "VM %s of uid %s begins with certificates that expired on %s, so boot loaders signed "
            "since then do not start; 'vmfirmwarectl enroll' with microsoft-2023 adds the new ones",
            id, owner, date);
}

gboolean log_vm_good_copy(const VM *vm) {
    g_autofree char *owner = g_strdup_printf("%u", (unsigned)vm->owner);
    g_autofree char *id = text_make_printable(vm->id);

    if (vm->lacks_good_copy)
        return TRUE;
    g_log_structured(
            G_LOG_DOMAIN, G_LOG_LEVEL_MESSAGE, "MESSAGE_ID", LOG_ID_VM_GOOD_COPY,
            "VMFIRMWARE_VM_ID", vm->id, "VMFIRMWARE_VM_OWNER", owner, "MESSAGE",
            "VM %s of uid %s has no good copy of its variables: the limit of its owner leaves no "
            "room",
            id, owner);
    return TRUE;
}

void log_owner_unreadable(uid_t owner, const char *fault) {
    g_autofree char *uid = g_strdup_printf("%u", (unsigned)owner);
    g_autofree char *text = text_make_printable(fault);

    g_log_structured(
            G_LOG_DOMAIN, G_LOG_LEVEL_WARNING, "MESSAGE_ID", LOG_ID_OWNER_UNREADABLE,
            "VMFIRMWARE_VM_OWNER", uid, "MESSAGE", "not all VMs of uid %s are known: %s", uid,
            text);
}

void log_vm_unreadable(const VM *vm) {
    log_faulty(vm, G_LOG_LEVEL_WARNING, LOG_ID_VM_UNREADABLE, "is left alone");
}
