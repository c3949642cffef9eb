/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/root.h"
#include "base/vocab.h"
#include "uefi/content.h"

/*
 * Probes an image file: does it exist, does it have the given format, how large is it for the
 * guest, and what does it hold? Never opens a file that the image refers to.
 */

typedef enum ImageStatus {
    IMAGE_STATUS_OK,
    IMAGE_STATUS_MISSING,    /* reason file-missing */
    IMAGE_STATUS_UNREADABLE, /* reason file-unreadable: no permission, or not a regular file */
    IMAGE_STATUS_BAD_FORMAT, /* reason bad-format */
    IMAGE_STATUS_TOO_LARGE,  /* reason bad-size: a JSON store, of more than IMAGE_JSON_MAX_SIZE */
} ImageStatus;

typedef struct ImageInfo {
    ImageStatus status;
    /* The size in bytes that the guest sees: a qcow2's virtual size, otherwise the file's length; 0
     * for a JSON store, which has no fixed size. Set if the status is OK; if it is TOO_LARGE, the
     * length of the store. */
    guint64 size;
    /* A qcow2 with a backing or a data file, which opening it would open as well, or with
     * incompatible features that the service does not know. The latter is also BAD_FORMAT. */
    gboolean is_foreign;
    Content content; /* set by image_probe() */
} ImageInfo;

/* The images that a descriptor names. */
typedef struct FirmwareImages {
    ImageInfo executable;
    ImageInfo nvram_template; /* all zero: none */
} FirmwareImages;

gboolean image_info_equal(const ImageInfo *a, const ImageInfo *b);

/* The largest JSON variable store. QEMU's uefi-vars device has room for 256 KiB of variables by
 * default, and writes each byte as two digits. */
#define IMAGE_JSON_MAX_SIZE (1024 * 1024)

/* FORMAT is a descriptor's keyword; an unknown one is BAD_FORMAT. Returns 0 with *RET set, or a
 * negative errno if the system failed. ROOT (or NULL) resolves PATH. */
int image_probe(const FileRoot *root, const char *path, const char *format, ImageInfo *ret)
        G_GNUC_WARN_UNUSED_RESULT;

/* The same for an open file. */
int image_probe_fd(int fd, ImageFormat format, ImageInfo *ret) G_GNUC_WARN_UNUSED_RESULT;

/* How to read what the guest sees of a raw or qcow2 image that was probed as OK, and is not
 * foreign. */
ContentRead image_get_reader(ImageFormat format);
