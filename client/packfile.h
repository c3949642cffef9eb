/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "base/file.h"

/*
 * The archive of pack and unpack: a tar file, compressed by gzip, of two JSON files and the NVRAM.
 * libarchive writes and reads it, and is loaded here: with the libraries that it needs it would
 * double the time that every other verb takes to start.
 */

/* Bytes of the NVRAM: what an import accepts. Of one of the JSON files: a record has at most
 * PIN_MAX_SIZE. The contract's limit of an archive's content is 300 MiB. */
#define PACKFILE_MAX_NVRAM (256 * 1024 * 1024)
#define PACKFILE_MAX_JSON (1024 * 1024)

#define PACKFILE_MANIFEST_NAME "manifest.json"
#define PACKFILE_PIN_NAME "pin.json"

typedef struct PackFile {
    GBytes *manifest;
    GBytes *pin;
    char *nvram_name; /* nvram.raw, nvram.qcow2, nvram.json; NULL: no NVRAM */
    FileFd nvram;
    guint64 nvram_size;
} PackFile;

#define PACKFILE_INIT ((PackFile){.nvram = FILE_FD_NONE})

void packfile_clear(PackFile *file);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PackFile, packfile_clear)

/* The name that NVRAM has in FORMAT, or NULL: there is no such format. */
const char *packfile_get_nvram_name(const char *format);

/* Writes to FD. NAME is for messages. Equal content makes equal archives. */
gboolean packfile_write(const PackFile *file, int fd, const char *name, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* Reads FD, which anybody may have written: accepts the files above, each once, and nothing else.
 * The NVRAM becomes a sealed memfd. */
gboolean packfile_read(int fd, const char *name, PackFile *ret, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
