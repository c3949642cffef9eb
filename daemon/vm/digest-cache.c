/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/digest-cache.h"

#include "base/file.h"
#include "uefi/digest.h"

typedef struct Entry {
    FileStamp stamp;
    char *digest;
} Entry;

struct DigestCache {
    GMutex mutex;
    GHashTable *entries; /* path -> Entry */
};

static void entry_free(gpointer data) {
    Entry *entry = data;

    g_free(entry->digest);
    g_free(entry);
}

DigestCache *digest_cache_new(void) {
    DigestCache *cache = g_new0(DigestCache, 1);

    g_mutex_init(&cache->mutex);
    cache->entries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, entry_free);
    return cache;
}

void digest_cache_free(DigestCache *cache) {
    if (!cache)
        return;

    g_mutex_clear(&cache->mutex);
    g_hash_table_unref(cache->entries);
    g_free(cache);
}

static char *find_digest(DigestCache *cache, const char *path, const FileStamp *stamp) {
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&cache->mutex);
    const Entry *entry = g_hash_table_lookup(cache->entries, path);

    return entry && file_stamp_equal(&entry->stamp, stamp) ? g_strdup(entry->digest) : NULL;
}

gboolean digest_cache_has(
        DigestCache *cache, const char *path, const struct stat *st, const char *digest) {
    const FileStamp stamp = file_stamp(st);
    g_autofree char *known = find_digest(cache, path, &stamp);

    return g_strcmp0(known, digest) == 0;
}

static void keep_digest(
        DigestCache *cache, const char *path, const FileStamp *stamp, const char *digest) {
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&cache->mutex);
    Entry *entry = g_new0(Entry, 1);

    if (g_hash_table_size(cache->entries) >= DIGEST_CACHE_MAX_FILES)
        g_hash_table_remove_all(cache->entries);
    entry->stamp = *stamp;
    entry->digest = g_strdup(digest);
    g_hash_table_replace(cache->entries, g_strdup(path), entry);
}

int digest_cache_get(DigestCache *cache, const char *path, int fd, char **ret) {
    gint64 now = g_get_real_time();
    g_autofree char *digest = NULL;
    FileStamp stamp;
    struct stat st;
    int r;

    if (fstat(fd, &st) < 0)
        return -errno;

    stamp = file_stamp(&st);
    digest = find_digest(cache, path, &stamp);
    if (!digest) {
        r = digest_file(fd, (guint64)st.st_size, &digest);
        if (r < 0)
            return r;
        if (file_stamp_is_trusted(&stamp, now))
            keep_digest(cache, path, &stamp, digest);
    }
    *ret = g_steal_pointer(&digest);
    return 0;
}
