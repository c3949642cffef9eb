/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/descriptor.h"
#include "core/image.h"
#include "core/machine.h"

/*
 * Checks whether a firmware's images fit a machine, and computes how QEMU's board code lays out its
 * flash. Pure: works on sizes that were read before.
 */

/* Returns TRUE if the images fit. *RET_UNITS (may be NULL) then holds the flash units in unit
 * order, or NULL for firmware that is not in flash. Otherwise adds to REASONS (of char*):
 * bad-size:PATH: text, geometry-unknown, geometry-mismatch:KEY. The status of the images must be
 * OK. */
gboolean flash_fit(
        const Descriptor *descriptor, const FirmwareImages *images, const Machine *machine,
        GPtrArray *reasons, GPtrArray **ret_units);

/* The roles of flash units. A VM has its own copy of the unit "nvram", or of the "executable" of a
 * combined firmware. */
#define FLASH_ROLE_EXECUTABLE "executable"
#define FLASH_ROLE_NVRAM "nvram"

/* Returns the size that QEMU's block layer reports for an image: whole sectors of 512 bytes,
 * rounded up. */
guint64 flash_backend_size(guint64 size);
