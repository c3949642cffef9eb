/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/descriptor.h"

/*
 * Bytes to Descriptor: the only module that knows the JSON of QEMU's docs/interop/firmware.json.
 */

/* Limit of a descriptor, checked before reading. The largest one that distributions ship has 1 KiB.
 * json-glib parses recursively, and a thread's stack bears 64 KiB of nesting. */
#define PARSE_MAX_SIZE (64 * 1024)
/* The reason of a larger one. */
#define PARSE_TOO_LARGE "parse-error:1:1: the file is larger than 65536 bytes"

/* A fault of a descriptor. The message is a complete reason of the D-Bus contract:
 * "parse-error:LINE:COL: text" (both from 1) or "schema-error:/json/pointer: text". */
#define PARSE_ERROR (parse_error_quark())
GQuark parse_error_quark(void);
typedef enum ParseError {
    PARSE_ERROR_SYNTAX,
    PARSE_ERROR_SCHEMA,
} ParseError;

/* Returns NULL with a PARSE_ERROR if DOCUMENT is not a valid descriptor. */
Descriptor *parse_descriptor(GBytes *document, GError **error) G_GNUC_WARN_UNUSED_RESULT;
