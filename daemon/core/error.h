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
    /* The caller may not do this. */
    FIRMWARE_ERROR_ACCESS_DENIED,
    /* A limit of the service is reached: calls that wait, files in the layers. */
    FIRMWARE_ERROR_LIMITS_EXCEEDED,
    /* The answer exists, but cannot be said in the form asked for. */
    FIRMWARE_ERROR_NOT_SUPPORTED,
    /* The system failed the service (no file descriptors, no memory, a disk error): nothing of
     * what was asked for has happened. */
    FIRMWARE_ERROR_IO,
} FirmwareError;

/* The D-Bus name of an error: a static string. */
const char *firmware_error_name(FirmwareError code);
