/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/good-copy.h"

#include <fcntl.h>

#include "core/store-file.h"
#include "vm/vm-change.h"
#include "vm/vm-lock.h"
#include "vm/vm-nvram.h"

/* TRUE: the file was last written before the good copy was made. The times of a file system can
 * differ from the clock by FILE_TRUST_USEC. */
static gboolean is_older(int fd, const Backup *good) {
    struct stat st;

    return fstat(fd, &st) == 0 && st.st_mtim.tv_sec >= 0 &&
            (guint64)st.st_mtim.tv_sec * G_USEC_PER_SEC + G_USEC_PER_SEC + FILE_TRUST_USEC <
            good->time;
}

static Store *read_sound(int fd, ImageFormat format) {
    g_autoptr(Store) store = NULL;

    return store_file_read(fd, format, &store) >= 0 && store->health == STORE_HEALTH_OK &&
                    store->variables->len > 0
            ? g_steal_pointer(&store)
            : NULL;
}

static gboolean has_bytes(int fd, ImageFormat format, const Store *store) {
    g_autoptr(Store) other = NULL;

    return store_file_read(fd, format, &other) >= 0 && g_bytes_equal(store->bytes, other->bytes);
}

static gboolean is_as_template(const VMOp *op, const Store *store) {
    const Descriptor *descriptor = op->pin->resolution->descriptor;
    const DescriptorImage *image = descriptor_get_variables_image(descriptor);
    g_auto(FileFd) fd = FILE_FD_NONE;
    ImageFormat format;

    return !op->pin->has_own_template && image->filename &&
            image_format_from_string(image->format, &format) &&
            vm_op_open_image(op, image->filename, &fd) >= 0 && has_bytes(fd, format, store);
}

static gboolean differs(const VMOp *op, int dir_fd, int nvram_fd) {
    const ImageFormat format = op->pin->nvram_format;
    g_autoptr(BackupList) list = NULL;
    g_auto(FileFd) fd = FILE_FD_NONE;
    g_autoptr(Store) store = NULL;
    const Backup *good;

    if (backup_list_read(dir_fd, &list) < 0)
        return FALSE;
    good = backup_list_get_good(list);
    if (good && is_older(nvram_fd, good))
        return FALSE;
    store = read_sound(nvram_fd, format);
    if (!store)
        return FALSE;
    if (!good)
        return !is_as_template(op, store);
    return good->format != format || vmstore_open_owned(dir_fd, good->name, O_RDONLY, &fd) < 0 ||
            !has_bytes(fd, format, store);
}

static gboolean make(const VMOp *op, gboolean *ret_fits, GError **error) {
    g_auto(VMLock) lock = VM_LOCK_INIT;
    g_auto(FileFd) fd = FILE_FD_NONE;
    g_autoptr(Store) store = NULL;

    if (!vm_lock(op, &lock, error) || !vm_check_record(op, lock.dir, error) ||
        !vm_nvram_open(lock.dir, op->id, op->pin, O_RDONLY, &fd, error))
        return FALSE;
    /* a guest may have run since */
    store = read_sound(fd, op->pin->nvram_format);
    return !store || vm_change_good_copy(op, lock.dir, fd, ret_fits, error);
}

gboolean good_copy_update(const VMOp *op, int dir_fd, VMResult *result) {
    g_autoptr(GError) error = NULL;
    g_auto(FileFd) fd = FILE_FD_NONE;
    gboolean fits = TRUE;

    if (!vm_nvram_open(dir_fd, op->id, op->pin, O_RDONLY, &fd, &error) || !differs(op, dir_fd, fd))
        return FALSE;
    if (make(op, &fits, &error))
        result->lacks_good_copy = !fits;
    return TRUE;
}
