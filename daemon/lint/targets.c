/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lint/targets.h"

#include "core/flash.h"

CatalogFile targets_file(const Descriptor *descriptor) {
    return (CatalogFile){.descriptor = (Descriptor *)descriptor};
}

typedef struct Visit {
    const CatalogFile *file;
    const Descriptor *bare;
    TargetVisit visit;
    gpointer userdata;
} Visit;

static gboolean visit_machine(const Machine *machine, gpointer userdata) {
    const Visit *visit = userdata;
    g_autoptr(GPtrArray) reasons = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) units = NULL;
    /* where the table has no board, what is recorded is all that is known */
    gboolean fits = flash_fit(
            machine->board ? visit->bare : visit->file->descriptor, &visit->file->executable,
            &visit->file->nvram_template, machine, reasons, &units);
    TargetFit fit = {.machine = machine, .fits = fits, .units = units, .reasons = reasons};

    return visit->visit(&fit, visit->userdata);
}

void targets_visit(
        const CatalogFile *file, const MachineTable *machines, const char *architecture,
        const char *glob, TargetVisit callback, gpointer userdata) {
    /* a shallow copy, which lives shorter than what it borrows from */
    Descriptor bare = *file->descriptor;
    Visit visit = {.file = file, .bare = &bare, .visit = callback, .userdata = userdata};

    bare.executable.flash = NULL;
    bare.nvram_template.flash = NULL;
    machine_table_visit(machines, architecture, glob, visit_machine, &visit);
}
