/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "uefi/digest.h"

#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "uefi/gnutls-library.h"

#define DIGEST_SIZE 32

typedef struct hash_hd_st Hash;

static void hash_free(Hash *hash) {
    gnutls_library()->gnutls_hash_deinit(hash, NULL);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Hash, hash_free)

static Hash *hash_new(void) {
    Hash *hash;

    /* fails for want of memory, or where a policy of the system forbids SHA-256 */
    if (gnutls_library()->gnutls_hash_init(&hash, GNUTLS_DIG_SHA256) < 0)
        g_error("GnuTLS has no SHA-256");
    return hash;
}

static char *get_text(Hash *hash) {
    guint8 digest[DIGEST_SIZE];
    GString *text = g_string_sized_new(2 * DIGEST_SIZE);

    gnutls_library()->gnutls_hash_output(hash, digest);
    for (gsize i = 0; i < DIGEST_SIZE; i++)
        g_string_append_printf(text, "%02x", digest[i]);
    return g_string_free(text, FALSE);
}

char *digest_parse(const char *text) {
    g_autofree char *lower = g_ascii_strdown(text, -1);
    gsize n = strspn(lower, "0123456789abcdef");

    return n == 2 * DIGEST_SIZE && lower[n] == '\0' ? g_steal_pointer(&lower) : NULL;
}

char *digest_bytes(const void *data, gsize size) {
    g_autoptr(Hash) hash = hash_new();

    (void)gnutls_library()->gnutls_hash(hash, data, size);
    return get_text(hash);
}

char *digest_gbytes(GBytes *bytes) {
    gsize size;
    const void *data = g_bytes_get_data(bytes, &size);

    return digest_bytes(data, size);
}

int digest_file(int fd, guint64 size, char **ret) {
    g_autoptr(Hash) hash = hash_new();
    g_autofree guint8 *chunk = g_malloc(FILE_CHUNK_SIZE);
    guint64 offset = 0;

    while (offset < size) {
        gsize wanted = MIN(FILE_CHUNK_SIZE, size - offset);
        gsize n;
        int r = file_read_at(fd, offset, chunk, wanted, &n);

        if (r < 0)
            return r;
        if (n < wanted)
            return -ENODATA;
        (void)gnutls_library()->gnutls_hash(hash, chunk, n);
        offset += n;
    }

    *ret = get_text(hash);
    return 0;
}
