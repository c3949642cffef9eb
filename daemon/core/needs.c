/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/needs.h"

#include "core/architecture.h"

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

/* hw/i386/microvm.c and isapc of pc_piix.c, which have no flash, take neither igvm-cfg nor
 * uefi-vars-x64. */
static gboolean is_x86_without_flash(const Machine *machine) {
    return architecture_is_x86(machine->architecture) && machine->board &&
            machine->board->n_units == 0;
}

/* The machine property of that name, for an object of that type, is that of pc and q35. */
static gboolean lacks_igvm(const Machine *machine) {
    return !architecture_is_x86(machine->architecture) || is_x86_without_flash(machine) ||
            lacks_type(machine, QEMU_TYPE_IGVM);
}

GPtrArray *needs_find_lacking(const Descriptor *descriptor, const Machine *machine) {
    const char *uefi_vars = qemu_uefi_vars_type(machine->architecture);
    const Board *board = machine->board;
    GPtrArray *lacking = g_ptr_array_new();

    if (descriptor->device == FIRMWARE_DEVICE_FLASH && board && machine->qemu &&
        machine->qemu < board->since)
        g_ptr_array_add(lacking, (gpointer) "pflash0");
    /* a property of all machines of hw/i386/x86.c, and of no other */
    if (descriptor_has_feature(descriptor, FEATURE_REQUIRES_SMM) &&
        !architecture_is_x86(machine->architecture))
        g_ptr_array_add(lacking, (gpointer) "smm");
    if (descriptor->device == FIRMWARE_DEVICE_IGVM && lacks_igvm(machine))
        g_ptr_array_add(lacking, (gpointer)QEMU_TYPE_IGVM);
    if (needs_uefi_vars(descriptor) &&
        (is_x86_without_flash(machine) || lacks_type(machine, uefi_vars)))
        g_ptr_array_add(lacking, (gpointer)uefi_vars);
    return lacking;
}
