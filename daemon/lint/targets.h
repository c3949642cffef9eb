/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/descriptor.h"
#include "core/image.h"
#include "core/machine.h"

/*
 * A firmware on the machines that it targets, by the machine table: the descriptor's record only
 * counts for a machine that the table does not know.
 */

typedef struct TargetFit {
    const Machine *machine;
    gboolean fits;
    const GPtrArray *units;   /* of FlashUnit; NULL: it does not fit, or is not in flash */
    const GPtrArray *reasons; /* of char*, see flash.h; empty if it fits */
} TargetFit;

/* Calls VISIT for machines that GLOB matches, until it returns FALSE. */
typedef gboolean (*TargetVisit)(const TargetFit *fit, gpointer userdata);
void targets_visit(
        const Descriptor *descriptor, const FirmwareImages *images, const MachineTable *machines,
        const char *architecture, const char *glob, TargetVisit visit, gpointer userdata);
