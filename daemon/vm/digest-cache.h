/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/stat.h>

/*
 * Caches the SHA-256 of image files. An entry is valid while the file's device, inode, size, mtime
 * and ctime are the same. Thread-safe.
 */

#define DIGEST_CACHE_MAX_FILES 1024

typedef struct DigestCache DigestCache;

DigestCache *digest_cache_new(void) G_GNUC_WARN_UNUSED_RESULT;
void digest_cache_free(DigestCache *cache);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DigestCache, digest_cache_free)

/* TRUE: DIGEST is that of the file PATH with the status ST. FALSE: it is not, or the cache has no
 * valid entry. */
gboolean digest_cache_has(
        DigestCache *cache, const char *path, const struct stat *st, const char *digest);

/* The digest of FD, which is open on PATH. Reads the whole file where the cache has no valid entry;
 * adds one unless the stamp is too young to be trusted. Returns 0 or a negative errno. */
int digest_cache_get(DigestCache *cache, const char *path, int fd, char **ret)
        G_GNUC_WARN_UNUSED_RESULT;
