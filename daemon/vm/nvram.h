/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/image.h"
#include "vm/vmdraft.h"

/*
 * Creates NVRAM files in a staging directory: copies, converts and extends a template or a caller's
 * file. Waits for the disk and for qemu-img: for worker threads.
 */

/* Bytes. The largest file that is read, also of a caller. */
#define NVRAM_MAX_FILE_SIZE (256 * 1024 * 1024)

/* Bytes. The tables of a qcow2 may take that much beyond the guest-visible size. */
#define NVRAM_MAX_METADATA_SIZE (16 * 1024 * 1024)

/* The source of the bytes. */
typedef struct NVRAMSource {
    int fd;
    ImageFormat format;
    gboolean may_be_shorter; /* it is extended to the size of the flash */
    const char *what;        /* its name in errors: a path, or the key of the call */
    GBytes *head;            /* what the guest sees first instead; NULL: the file's own */
} NVRAMSource;

/* Creates the NVRAM of PIN in DRAFT and gives it to the owner. MAX_SIZE: bytes, 0: no limit.
 * Errors: FIRMWARE_ERROR_NVRAM_MISMATCH (format or size), _IMAGE_UNUSABLE (it names another file),
 * _LIMITS_EXCEEDED (it needs more than MAX_SIZE), _NOT_SUPPORTED (no qemu-img), _IO. */
gboolean nvram_make(
        VMDraft *draft, const Pin *pin, const NVRAMSource *source, guint64 max_size, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* Makes BYTES what the guest sees of SOURCE: first, or as the whole of a JSON store, which then is
 * in MEMORY. SOURCE borrows both. Error: FIRMWARE_ERROR_IO. */
gboolean nvram_set_content(NVRAMSource *source, GBytes *bytes, FileFd *memory, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* Accepts a memfd of at most 256 MiB with F_SEAL_WRITE and F_SEAL_SHRINK: reading another file of a
 * caller may block for ever. Error: FIRMWARE_ERROR_INVALID_ARGS, naming KEY. */
gboolean nvram_check_memfd(const char *key, int fd, GError **error) G_GNUC_WARN_UNUSED_RESULT;
