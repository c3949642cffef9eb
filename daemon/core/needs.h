/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/descriptor.h"
#include "core/machine.h"

/*
 * What a firmware needs of QEMU beyond its images, and whether a QEMU has it.
 */

/* The firmware keeps its variables through a uefi-vars device, or does not start without one. */
gboolean needs_uefi_vars(const Descriptor *descriptor);

/* What the QEMU of MACHINE, or its board, lacks for this firmware: types and machine properties. Of
 * static strings; empty: nothing. */
GPtrArray *needs_find_lacking(const Descriptor *descriptor, const Machine *machine)
        G_GNUC_WARN_UNUSED_RESULT;
