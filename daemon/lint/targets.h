/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/descriptor.h"
#include "core/image.h"
#include "core/machine.h"

/*
 * A firmware on the machines that it targets, by the machine table alone: what its descriptor
 * records counts only for a machine that the table does not know. For those who check and write
 * descriptors.
 */

typedef struct TargetFit {
    const Machine *machine;
    gboolean fits;
    const GPtrArray *units;   /* of FlashUnit, where it fits and is in flash; else NULL */
    const GPtrArray *reasons; /* of char*, as flash.h has them; empty where it fits */
} TargetFit;

/* Calls VISIT for machines that GLOB matches, until it returns FALSE. */
typedef gboolean (*TargetVisit)(const TargetFit *fit, gpointer userdata);
void targets_visit(
        const Descriptor *descriptor, const FirmwareImages *images, const MachineTable *machines,
        const char *architecture, const char *glob, TargetVisit visit, gpointer userdata);
