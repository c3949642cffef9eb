/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/store-file.h"

#include "base/file.h"
#include "core/image.h"
#include "core/qcow2.h"

static Store *make_unreadable(guint64 size, const char *why) {
    Store *store = store_new(STORE_KIND_UNKNOWN);

    store->size = size;
    store->bytes = g_bytes_new(NULL, 0);
    store_set_health(store, STORE_HEALTH_UNREADABLE, "%s", why);
    return store;
}

static int read_json(int fd, Store **ret) {
    g_autoptr(GBytes) bytes = NULL;
    int r = file_read_all(fd, IMAGE_JSON_MAX_SIZE, &bytes);

    if (r >= 0)
        *ret = store_read_json(bytes);
    return r;
}

static int read_flash(int fd, ImageFormat format, guint64 size, Store **ret) {
    gsize n = (gsize)MIN(size, STORE_MAX_LENGTH);
    g_autofree guint8 *head = g_malloc(MAX(n, 1));
    g_autoptr(GBytes) bytes = NULL;
    int r = format == IMAGE_FORMAT_QCOW2 ? qcow2_read(fd, 0, head, n)
                                         : file_read_at(fd, 0, head, n, &n);

    if (r < 0)
        return r;
    bytes = g_bytes_new_take(g_steal_pointer(&head), n);
    /* the file can have become shorter */
    *ret = store_read_flash(bytes, n < STORE_MAX_LENGTH ? n : size);
    return 0;
}

int store_file_read(int fd, ImageFormat format, Store **ret) {
    ImageInfo info;
    int r = image_probe_fd(fd, format, &info);

    if (r >= 0 && info.is_foreign)
        *ret = make_unreadable(info.size, "the image names another file, or has unknown features");
    else if (r >= 0 && info.status == IMAGE_STATUS_TOO_LARGE)
        *ret = make_unreadable(info.size, "larger than a JSON store can be");
    else if (r >= 0 && info.status != IMAGE_STATUS_OK)
        *ret = make_unreadable(0, "the image is not of its format");
    else if (r >= 0)
        r = format == IMAGE_FORMAT_JSON ? read_json(fd, ret)
                                        : read_flash(fd, format, info.size, ret);
    if (r == -EUCLEAN)
        *ret = make_unreadable(info.size, "a table of the qcow2 image is malformed");
    else if (r < 0 && r != -EOPNOTSUPP && file_is_at_fault(r))
        *ret = make_unreadable(0, g_strerror(-r));
    else
        return r;
    return 0;
}

ImageFormat store_file_guess_format(int fd) {
    char head[64] = "";
    gsize size;

    if (file_read_at(fd, 0, head, sizeof head - 1, &size) < 0)
        return IMAGE_FORMAT_RAW;
    if (g_str_has_prefix(head, "QFI\xfb"))
        return IMAGE_FORMAT_QCOW2;
    return *g_strchug(head) == '{' ? IMAGE_FORMAT_JSON : IMAGE_FORMAT_RAW;
}
