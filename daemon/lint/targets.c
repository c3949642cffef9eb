/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lint/targets.h"

#include "core/flash.h"

typedef struct Visit {
    const Descriptor *descriptor;
    const Descriptor *bare;
    const FirmwareImages *images;
    TargetVisit visit;
    gpointer userdata;
} Visit;

static gboolean visit_machine(const Machine *machine, gpointer userdata) {
    const Visit *visit = userdata;
    g_autoptr(GPtrArray) reasons = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) units = NULL;
    /* without a board in the table, only the record is known */
    gboolean fits = flash_fit(
            machine->board ? visit->bare : visit->descriptor, visit->images, machine, reasons,
            &units);
    TargetFit fit = {.machine = machine, .fits = fits, .units = units, .reasons = reasons};

    return visit->visit(&fit, visit->userdata);
}

void targets_visit(
        const Descriptor *descriptor, const FirmwareImages *images, const MachineTable *machines,
        const char *architecture, const char *glob, TargetVisit callback, gpointer userdata) {
    /* a shallow copy, outlived by the original */
    Descriptor bare = *descriptor;
    Visit visit = {
            .descriptor = descriptor,
            .bare = &bare,
            .images = images,
            .visit = callback,
            .userdata = userdata};

    bare.executable.flash = NULL;
    bare.nvram_template.flash = NULL;
    machine_table_visit(machines, architecture, glob, visit_machine, &visit);
}
