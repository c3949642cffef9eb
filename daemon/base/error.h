/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * The errors that a caller of the service can get. Each has one meaning and one D-Bus name.
 * Faults inside a descriptor are no errors of the service: see parse.h.
 */

#define FIRMWARE_ERROR (firmware_error_quark())
GQuark firmware_error_quark(void);

typedef enum FirmwareError {
    /* The question itself is wrong: a key, a type, a word, a length. The text names the key. */
    FIRMWARE_ERROR_INVALID_ARGS,
    /* No usable firmware passes. The text names the nearest candidates and why each fell out. */
    FIRMWARE_ERROR_NO_MATCHING_FIRMWARE,
    /* No effective descriptor has this name. */
    FIRMWARE_ERROR_NO_SUCH_FIRMWARE,
    /* This owner has no VM of this id. */
    FIRMWARE_ERROR_NO_SUCH_VM,
    /* This owner has a VM of this id already. */
    FIRMWARE_ERROR_VM_EXISTS,
    /* The VM is pinned to something else than what is asked for. */
    FIRMWARE_ERROR_VM_CONFLICT,
    /* The image that the VM runs from is gone, and no equivalent firmware is installed. */
    FIRMWARE_ERROR_FIRMWARE_GONE,
    /* The VM's NVRAM file is gone. */
    FIRMWARE_ERROR_NVRAM_MISSING,
    /* The VM's NVRAM is not of the size or format that its firmware needs. */
    FIRMWARE_ERROR_NVRAM_MISMATCH,
    /* Somebody holds the VM's lease. */
    FIRMWARE_ERROR_NVRAM_IN_USE,
    /* An image refers to another file, or needs what the service does not know. */
    FIRMWARE_ERROR_IMAGE_UNUSABLE,
    /* The caller may not do this. */
    FIRMWARE_ERROR_ACCESS_DENIED,
    /* The caller may do this once a person has said who he is. */
    FIRMWARE_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
    /* A limit of the service is reached: calls that wait, files in the layers. */
    FIRMWARE_ERROR_LIMITS_EXCEEDED,
    /* The answer exists, but cannot be said in the form asked for. */
    FIRMWARE_ERROR_NOT_SUPPORTED,
    /* The system failed the service (no file descriptors, no memory, a disk error): nothing of
     * what was asked for has happened. */
    FIRMWARE_ERROR_IO,
} FirmwareError;

/* Sets FIRMWARE_ERROR_IO: PATH could not be read; R is a negative errno. Returns FALSE. */
gboolean firmware_error_set_unreadable(GError **error, const char *path, int r);

/* The D-Bus name of an error: a static string. */
const char *firmware_error_name(FirmwareError code);
