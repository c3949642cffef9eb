/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/descriptor.h"
#include "core/image.h"
#include "core/machine.h"

/*
 * Do a firmware's images fit a machine, and how does QEMU's board code lay out its flash? Pure:
 * it looks at sizes that were read before.
 */

/* REASONS (of char*) gets what stands against it: bad-size:PATH, geometry-unknown,
 * geometry-mismatch:KEY. TRUE where there is none: *RET_UNITS (may be NULL) is then the flash units
 * in unit order, or NULL for a firmware that is not in flash. The images must be of status OK. */
gboolean flash_fit(
        const Descriptor *descriptor, const FirmwareImages *images, const Machine *machine,
        GPtrArray *reasons, GPtrArray **ret_units);

/* What a VM's own copy of the variables, or of a combined image, is called where flash units are
 * named: role "nvram", or "executable" of a combined firmware. */
#define FLASH_ROLE_EXECUTABLE "executable"
#define FLASH_ROLE_NVRAM "nvram"

/* The size that QEMU's block layer gives an image: it counts sectors of 512 bytes, and rounds a
 * file's last one up. */
guint64 flash_backend_size(guint64 size);
