/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "keys.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/copy.h"
#include "error.h"

/* The service's limit. */
#define MAX_CONTENT_SIZE (256 * 1024 * 1024)

GVariant *keys_from_options(
        const Options *options, unsigned groups, GVariantDict *extra, GError **error) {
    g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(NULL);

    if (!options_add_keys(options, groups, extra ? extra : &dict, error)) {
        if (extra)
            g_variant_dict_clear(extra);
        return NULL;
    }
    return g_variant_dict_end(extra ? extra : &dict);
}

static int copy_stream(int from, int to) {
    g_autofree guint8 *chunk = g_malloc(FILE_CHUNK_SIZE);
    gsize size = 0;

    for (;;) {
        ssize_t n = read(from, chunk, FILE_CHUNK_SIZE);
        int r;

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        size += (gsize)n;
        if (size > MAX_CONTENT_SIZE)
            return -EFBIG;
        r = file_write_all(to, chunk, (gsize)n);
        if (r < 0)
            return r;
    }
}

static int copy_named(const char *filename, int to) {
    g_auto(FileFd) from = FILE_FD_NONE;
    struct stat st;
    int r;

    r = file_open_regular(AT_FDCWD, filename, &from, &st);
    if (r < 0)
        return r;
    if (st.st_size > MAX_CONTENT_SIZE)
        return -EFBIG;
    return copy_file(from, to, (guint64)st.st_size, (guint64)st.st_size);
}

gboolean keys_open_content(const char *filename, FileFd *ret_fd, GError **error) {
    g_auto(FileFd) fd = memfd_create("vmfirmwarectl", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int r = fd < 0 ? -errno : 0;

    if (r == 0)
        r = g_str_equal(filename, "-") ? copy_stream(STDIN_FILENO, fd) : copy_named(filename, fd);
    if (r == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW) < 0)
        r = -errno;

    if (r == -EFBIG)
        g_set_error(
                error, CLIENT_ERROR, CLIENT_ERROR_FAILURE,
                "%s: more than 256 MiB, which no firmware's variables need; is it the right file?",
                filename);
    else if (r == -ENOTSUP)
        g_set_error(
                error, CLIENT_ERROR, CLIENT_ERROR_FAILURE, "%s: it is no regular file", filename);
    else if (r < 0)
        g_set_error(error, CLIENT_ERROR, CLIENT_ERROR_FAILURE, "%s: %s", filename, g_strerror(-r));
    if (r < 0)
        return FALSE;

    *ret_fd = fd;
    fd = FILE_FD_NONE;
    return TRUE;
}

gboolean keys_add_template(
        const Options *options, GVariantDict *dict, FileFd *ret_fd, GError **error) {
    const char *filename = options_get(options, "nvram-template");

    *ret_fd = FILE_FD_NONE;
    if (!filename)
        return TRUE;
    if (!keys_open_content(filename, ret_fd, error))
        return FALSE;
    g_variant_dict_insert_value(dict, "nvram-template", g_variant_new_handle(*ret_fd));
    return TRUE;
}
