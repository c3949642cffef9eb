/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "base/vocab.h"

/*
 * What an image file is: is it there, is it of the format it is said to be, and how large is it
 * for the guest. Reads the first bytes only; never opens a file that the image names.
 */

typedef enum ImageStatus {
    IMAGE_STATUS_OK,
    IMAGE_STATUS_MISSING,    /* reason file-missing */
    IMAGE_STATUS_UNREADABLE, /* reason file-unreadable: no permission, or no regular file */
    IMAGE_STATUS_BAD_FORMAT, /* reason bad-format */
} ImageStatus;

typedef struct ImageInfo {
    ImageStatus status;
    /* Bytes that the guest sees: a qcow2's virtual size, otherwise the file's length; of a JSON
     * store 0, which has no fixed size. Set where the status is OK. */
    guint64 size;
    /* A qcow2 that names a backing or a data file, which opening it would open as well, or that has
     * incompatible features which this service does not know. The latter is BAD_FORMAT, too. */
    gboolean is_foreign;
} ImageInfo;

/* The images that a descriptor names. */
typedef struct FirmwareImages {
    ImageInfo executable;
    ImageInfo nvram_template; /* all zero where there is none */
} FirmwareImages;

gboolean image_info_equal(const ImageInfo *a, const ImageInfo *b);

/* The largest JSON variable store: QEMU's uefi-vars device takes 256 KiB of variables by default,
 * and writes each byte as two digits. */
#define IMAGE_JSON_MAX_SIZE (1024 * 1024)

/* FORMAT is as a descriptor has it; an unknown word is BAD_FORMAT. Returns 0 with *RET filled
 * whatever the file is, or a negative errno where the system failed: nothing is known then. */
int image_probe(const char *path, const char *format, ImageInfo *ret) G_GNUC_WARN_UNUSED_RESULT;

/* The same for a file that is open already. */
int image_probe_fd(int fd, ImageFormat format, ImageInfo *ret) G_GNUC_WARN_UNUSED_RESULT;
