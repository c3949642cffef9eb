/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Device paths (UEFI specification, section 10): where a boot entry leads to. */

/* What a path holds on to, so that the entry is of no use on another machine. Of two the later one
 * counts: a partition is reached over a device. */
typedef enum DevicePathBinding {
    DEVICE_PATH_BOUND_TO_NOTHING,
    DEVICE_PATH_BOUND_TO_DEVICE,    /* a place on a bus */
    DEVICE_PATH_BOUND_TO_MAC,       /* a network card's address */
    DEVICE_PATH_BOUND_TO_PARTITION, /* a partition's GUID, or a disk's signature */
} DevicePathBinding;
/* "" for nothing */
const char *device_path_binding_to_string(DevicePathBinding binding);

/* BYTES in the text form of section 10.6, as edk2 writes it: acceptable text. What is malformed
 * ends it with "…". */
char *device_path_to_text(const guint8 *bytes, gsize size, DevicePathBinding *ret_binding)
        G_GNUC_WARN_UNUSED_RESULT;
