/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * The errors that the service returns to a caller. Each has one meaning and one D-Bus name. A fault
 * in a descriptor is not such an error: see parse.h.
 */

#define FIRMWARE_ERROR (firmware_error_quark())
GQuark firmware_error_quark(void);

typedef enum FirmwareError {
    /* The request is malformed: a key, a type, a keyword, a length. The message names the key. */
    FIRMWARE_ERROR_INVALID_ARGS,
    /* No usable firmware satisfies the request. The message names the nearest candidates and the
     * reasons. */
    FIRMWARE_ERROR_NO_MATCHING_FIRMWARE,
    /* No effective descriptor has this name. */
    FIRMWARE_ERROR_NO_SUCH_FIRMWARE,
    /* This owner has no VM of this id. */
    FIRMWARE_ERROR_NO_SUCH_VM,
    /* This owner has a VM of this id already. */
    FIRMWARE_ERROR_VM_EXISTS,
    /* The VM is pinned to something that conflicts with the request. */
    FIRMWARE_ERROR_VM_CONFLICT,
    /* The image that the VM runs from is gone, and no equivalent firmware is installed. */
    FIRMWARE_ERROR_FIRMWARE_GONE,
    /* The VM's NVRAM file is gone. */
    FIRMWARE_ERROR_NVRAM_MISSING,
    /* The VM's NVRAM is not of the size or format that its firmware needs. */
    FIRMWARE_ERROR_NVRAM_MISMATCH,
    /* The VM's lease is held. */
    FIRMWARE_ERROR_NVRAM_IN_USE,
    /* An image refers to another file, or uses a feature that the service does not know. */
    FIRMWARE_ERROR_IMAGE_UNUSABLE,
    /* The VM has no backup of this index. */
    FIRMWARE_ERROR_NO_SUCH_BACKUP,
    /* The store has no variable of this GUID and name. */
    FIRMWARE_ERROR_NO_SUCH_VARIABLE,
    /* The caller is not authorized. */
    FIRMWARE_ERROR_ACCESS_DENIED,
    /* polkit authorizes the caller only after interactive authentication. */
    FIRMWARE_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
    /* A limit of the service is reached: unfinished calls, files in the layers. */
    FIRMWARE_ERROR_LIMITS_EXCEEDED,
    /* The answer cannot be expressed in the requested form. */
    FIRMWARE_ERROR_NOT_SUPPORTED,
    /* The system failed (no file descriptors, no memory, a disk error). Nothing was changed. */
    FIRMWARE_ERROR_IO,
} FirmwareError;

/* Sets FIRMWARE_ERROR_IO: PATH could not be read; R is a negative errno. Returns FALSE. */
gboolean firmware_error_set_unreadable(GError **error, const char *path, int r);

/* Sets FIRMWARE_ERROR_IO: "WHAT: " and the text of R, a negative errno. Returns FALSE. */
gboolean firmware_error_set_io(GError **error, const char *what, int r);

/* The D-Bus name of an error: a static string. */
const char *firmware_error_name(FirmwareError code);
