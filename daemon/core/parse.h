/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/descriptor.h"

/*
 * Bytes -> Descriptor: the one module that knows the JSON of QEMU's docs/interop/firmware.json.
 */

/* A descriptor larger than this is refused unread. The largest that distributions ship has 1 KiB;
 * json-glib parses recursively, and 64 KiB of nesting is what a thread's stack bears. */
#define PARSE_MAX_SIZE (64 * 1024)

/* What is wrong with a descriptor. The message is a whole reason of the contract:
 * "parse-error:LINE:COL: text" (both from 1) or "schema-error:/json/pointer: text". */
#define PARSE_ERROR (parse_error_quark())
GQuark parse_error_quark(void);
typedef enum ParseError {
    PARSE_ERROR_SYNTAX,
    PARSE_ERROR_SCHEMA,
} ParseError;

/* NULL with *ERROR set where DOCUMENT is no valid descriptor. */
Descriptor *parse_descriptor(GBytes *document, GError **error) G_GNUC_WARN_UNUSED_RESULT;
