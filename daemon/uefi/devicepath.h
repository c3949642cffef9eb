/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Device paths (UEFI specification, section 10): the targets of boot entries. */

/* What binds a path to one machine, so that the entry is useless on another. If there are two, the
 * later one counts: a partition is reached over a device. */
typedef enum DevicePathBinding {
    DEVICE_PATH_BOUND_TO_NOTHING,
    DEVICE_PATH_BOUND_TO_DEVICE,    /* a place on a bus */
    DEVICE_PATH_BOUND_TO_MAC,       /* a network card's address */
    DEVICE_PATH_BOUND_TO_PARTITION, /* a partition's GUID, or a disk's signature */
} DevicePathBinding;
/* Returns "" for no binding. */
const char *device_path_binding_to_string(DevicePathBinding binding);

/* Returns BYTES in the text form of section 10.6 in edk2's manner, as valid text for the bus. Ends
 * the text with "…" at the first malformed node. */
char *device_path_to_text(const guint8 *bytes, gsize size, DevicePathBinding *ret_binding)
        G_GNUC_WARN_UNUSED_RESULT;
