/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/needs.h"

gboolean needs_uefi_vars(const Descriptor *descriptor) {
    gboolean has_store =
            descriptor->device == FIRMWARE_DEVICE_MEMORY && descriptor_keeps_variables(descriptor);

    /* flash that keeps the variables leaves nothing to the device */
    return has_store ||
            (descriptor_has_feature(descriptor, FEATURE_HOST_UEFI_VARS) &&
             !descriptor_keeps_variables(descriptor));
}

static gboolean lacks_type(const Machine *machine, const char *type) {
    if (machine->lacks)
        return g_strv_contains(machine->lacks, type);
    return machine->qemu != 0 && machine->qemu < qemu_type_since(type);
}

GPtrArray *needs_find_lacking(const Descriptor *descriptor, const Machine *machine) {
    const char *uefi_vars = qemu_uefi_vars_type(machine->architecture);
    const Board *board = machine->board;
    GPtrArray *lacking = g_ptr_array_new();

    if (descriptor->device == FIRMWARE_DEVICE_FLASH && board && machine->qemu &&
        machine->qemu < board->since)
        g_ptr_array_add(lacking, (gpointer) "pflash0");
    if (descriptor->device == FIRMWARE_DEVICE_IGVM && lacks_type(machine, QEMU_TYPE_IGVM))
        g_ptr_array_add(lacking, (gpointer)QEMU_TYPE_IGVM);
    if (needs_uefi_vars(descriptor) && lacks_type(machine, uefi_vars))
        g_ptr_array_add(lacking, (gpointer)uefi_vars);
    return lacking;
}
