/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/image.h"
#include "vm/vmdraft.h"

/*
 * NVRAM files: made in a draft from a template or from what a caller sent, converted and extended
 * where that is asked for. On a job's thread.
 */

/* Bytes of a file that is read; what a caller may send at the most. */
#define NVRAM_MAX_FILE_SIZE (256 * 1024 * 1024)

/* Bytes that a qcow2 may take beyond what the guest sees, for its tables. */
#define NVRAM_MAX_METADATA_SIZE (16 * 1024 * 1024)

/* Where the bytes come from. */
typedef struct NVRAMSource {
    int fd;
    ImageFormat format;
    gboolean may_be_shorter; /* it is extended to the size of the flash */
    const char *what;        /* for errors: a path, or what the caller calls it */
} NVRAMSource;

/* Makes the NVRAM of PIN in DRAFT and gives it to the owner. Errors: FIRMWARE_ERROR_NVRAM_MISMATCH
 * (format or size), _IMAGE_UNUSABLE, _LIMITS_EXCEEDED (more than MAX_SIZE bytes, 0: no limit),
 * _NOT_SUPPORTED (no qemu-img), _IO. */
gboolean nvram_make(
        VMDraft *draft, const Pin *pin, const NVRAMSource *source, guint64 max_size, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* A memfd sealed against writing and shrinking, of at most 256 MiB: what a caller may send. Anything
 * else could wait for ever when it is read. FIRMWARE_ERROR_INVALID_ARGS, naming KEY. */
gboolean nvram_check_memfd(const char *key, int fd, GError **error) G_GNUC_WARN_UNUSED_RESULT;
