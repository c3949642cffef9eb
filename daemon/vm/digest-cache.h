/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * SHA-256 of image files, remembered while a file is what it was (device, inode, size, mtime,
 * ctime). For all threads.
 */

#define DIGEST_CACHE_MAX_FILES 1024

typedef struct DigestCache DigestCache;

DigestCache *digest_cache_new(void) G_GNUC_WARN_UNUSED_RESULT;
void digest_cache_free(DigestCache *cache);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DigestCache, digest_cache_free)

/* Reads the whole file where it is not remembered, or has changed just now. Returns 0 or a negative
 * errno. */
int digest_cache_get(DigestCache *cache, const char *path, int fd, char **ret)
        G_GNUC_WARN_UNUSED_RESULT;
