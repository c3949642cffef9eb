/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * What a raw UEFI image holds, as far as its firmware volumes tell (UEFI PI specification,
 * volume 3).
 */

typedef enum Content {
    CONTENT_UNKNOWN,
    CONTENT_BLANK,     /* zeros or ones: a variable store that nobody has formatted yet */
    CONTENT_VARIABLES, /* a variable store alone */
    CONTENT_CODE,      /* code, and possibly a variable store before it */
} Content;

/* Looks at PATH's first 64 KiB, and at one header behind a variable store. What cannot be read is
 * UNKNOWN. Returns 0, or a negative errno where the system failed. */
int content_probe(const char *path, Content *ret) G_GNUC_WARN_UNUSED_RESULT;
