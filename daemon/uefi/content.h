/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * The content of a UEFI image, according to its firmware volumes (UEFI PI specification, volume
 * 3).
 */

typedef enum ContentKind {
    CONTENT_UNKNOWN,
    CONTENT_BLANK,     /* zeros or ones: an unformatted variable store */
    CONTENT_VARIABLES, /* a variable store alone */
    CONTENT_CODE,      /* code alone */
    CONTENT_WHOLE,     /* a variable store, and code behind it */
} ContentKind;

typedef struct Content {
    ContentKind kind;
    guint64 variables; /* length of the variable store's volume in bytes; 0: there is none */
    guint64 end;       /* of the last volume; beyond the end of a truncated image. 0: no volume */
} Content;

gboolean content_equal(const Content *a, const Content *b);

/* Reads N bytes of the image from OFFSET; both lie within the image. Returns 0 or a negative errno,
 * also if the file has become shorter. */
typedef int (*ContentRead)(int fd, guint64 offset, guint8 *buffer, gsize n);

/* Reads at most the first MiB, the last 64 KiB and the headers of volumes. SIZE is the size of the
 * image. Returns 0 or an error of READ. */
int content_probe(int fd, guint64 size, ContentRead read, Content *ret) G_GNUC_WARN_UNUSED_RESULT;
