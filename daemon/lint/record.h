/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/machine.h"

/*
 * Records the flash geometry of a firmware in its descriptor, for machine types that a reader's
 * machine table does not know.
 */

/* DOCUMENT (a descriptor's bytes) with a member "flash" in mapping.executable and, of a split
 * firmware, mapping.nvram-template: the values that every machine of its targets gives its units.
 * What was recorded before is replaced, all else is kept, in its order. JSON text with a line end
 * behind it.
 *
 * NULL with *ERROR set:
 *   PARSE_ERROR_*: DOCUMENT is no descriptor
 *   FIRMWARE_ERROR_IMAGE_UNUSABLE: an image is missing, unreadable, of another format, or fits no
 *     machine of the targets; the message is a reason code, the first of those that apply
 *   FIRMWARE_ERROR_NOT_SUPPORTED: there is no one geometry to record (the firmware is not in flash,
 *     the machine table does not know a target, two targets differ), or json-glib would write a
 *     number of the document as another one
 *   FIRMWARE_ERROR_LIMITS_EXCEEDED: the result is larger than a descriptor may be
 *   FIRMWARE_ERROR_IO: the system fails
 */
char *record_geometry(GBytes *document, const MachineTable *machines, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
