/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * The content of a raw UEFI image, according to its firmware volumes (UEFI PI specification, volume
 * 3).
 */

typedef enum Content {
    CONTENT_UNKNOWN,
    CONTENT_BLANK,     /* zeros or ones: an unformatted variable store */
    CONTENT_VARIABLES, /* a variable store alone */
    CONTENT_CODE,      /* code, and possibly a variable store before it */
} Content;

/* Reads PATH's first 64 KiB, and one header behind a variable store. Unreadable content is UNKNOWN.
 * Returns 0, or a negative errno if the system failed. */
int content_probe(const char *path, Content *ret) G_GNUC_WARN_UNUSED_RESULT;
