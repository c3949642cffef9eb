/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/good-copy.h"

#include <fcntl.h>

#include "core/store-file.h"
#include "vm/vm-change.h"
#include "vm/vm-lock.h"
#include "vm/vm-nvram.h"
#include "vm/vmfiles.h"

/* TRUE: the file was last written before the good copy was made. The times of a file system can
 * differ from the clock by FILE_TRUST_USEC. */
static gboolean is_older(int fd, const Backup *good) {
    struct stat st;

    return fstat(fd, &st) == 0 && st.st_mtim.tv_sec >= 0 &&
            (guint64)st.st_mtim.tv_sec * G_USEC_PER_SEC + G_USEC_PER_SEC + FILE_TRUST_USEC <
            good->time;
}

static gboolean is_worth_a_copy(const Store *store) {
    return store->health == STORE_HEALTH_OK && store->variables->len > 0;
}

static gboolean has_bytes(int fd, ImageFormat format, const Store *store) {
    g_autoptr(Store) other = NULL;

    return store_file_read(fd, format, &other) >= 0 && g_bytes_equal(store->bytes, other->bytes);
}

/* -- comparison ---------------------------------------------------------------------------- */

static gboolean get_stamp(int fd, FileStamp *ret) {
    struct stat st;

    if (fstat(fd, &st) < 0)
        return FALSE;
    *ret = file_stamp(&st);
    return TRUE;
}

/* Opens the file with which the NVRAM is compared: GOOD, or without one the template. *RET_FD stays
 * FILE_FD_NONE where there is none. */
static void open_other(
        const VMOp *op, int dir_fd, const Backup *good, FileFd *ret_fd, ImageFormat *ret_format,
        VMComparison *comparison) {
    const Descriptor *descriptor = op->pin->resolution->descriptor;
    const DescriptorImage *image = descriptor_get_variables_image(descriptor);
    int r = -ENOENT;

    if (good) {
        *ret_format = good->format;
        r = vmstore_open_owned(dir_fd, good->name, O_RDONLY, ret_fd);
    } else if (
            !op->pin->has_own_template && image->filename &&
            image_format_from_string(image->format, ret_format)) {
        r = vm_op_open_image(op, image->filename, ret_fd);
    }
    if (r >= 0 && get_stamp(*ret_fd, &comparison->stamp))
        comparison->file = g_strdup(good ? good->name : image->filename);
}

/* Returns TRUE if a good copy is due. If none is, fills COMPARISON; all zero: it is not known. */
static gboolean compare(const VMOp *op, int dir_fd, int nvram_fd, VMComparison *comparison) {
    const ImageFormat format = op->pin->nvram_format;
    g_autoptr(BackupList) list = NULL;
    g_autoptr(Store) store = NULL;
    g_autofree char *foreign = NULL;
    g_auto(FileFd) fd = FILE_FD_NONE;
    ImageFormat other_format = format;
    FileStamp directory;
    const Backup *good;

    if (!get_stamp(dir_fd, &directory) || backup_list_read(dir_fd, &list) < 0)
        return FALSE;
    good = backup_list_get_good(list);
    open_other(op, dir_fd, good, &fd, &other_format, comparison);
    if (!good || !is_older(nvram_fd, good)) {
        if (store_file_read(nvram_fd, format, &store) < 0)
            return FALSE;
        if (is_worth_a_copy(store) &&
            (fd < 0 || (good && other_format != format) || !has_bytes(fd, other_format, store)))
            return TRUE;
    }
    /* after the stamp: a later file gives the directory another one */
    comparison->directory = directory;
    comparison->is_alone = vmfiles_find_foreign(dir_fd, op->pin, &foreign) >= 0 && !foreign;
    comparison->size = vmstore_get_size(dir_fd);
    return FALSE;
}

static gboolean is_unchanged(
        const VMOp *op, int dir_fd, const char *file, const FileStamp *expected) {
    FileStamp stamp;
    struct stat st;

    if (g_path_is_absolute(file) ? vm_op_stat_image(op, file, &st) < 0
                                 : fstatat(dir_fd, file, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return FALSE;
    stamp = file_stamp(&st);
    return file_stamp_equal(&stamp, expected);
}

/* LOOK (or NULL), which is that of the NVRAM now, has shown before that no copy is due. */
static gboolean is_compared(const VMOp *op, int dir_fd, const VMLook *look) {
    const VMComparison *comparison = look ? &look->comparison : NULL;

    return vm_look_has_directory(look, dir_fd) &&
            (!comparison->file || is_unchanged(op, dir_fd, comparison->file, &comparison->stamp));
}

/* The next PrepareVM of unchanged files reads none of them. */
static void keep_comparison(VMLook **look, VMComparison *comparison, gint64 now) {
    VMLook *before = *look;

    if (!before || !before->is_trusted || !file_stamp_is_trusted(&comparison->directory, now) ||
        (comparison->file && !file_stamp_is_trusted(&comparison->stamp, now)))
        return;
    *look = vm_look_add_comparison(before, comparison);
    vm_look_unref(before);
}

/* -- the copy ------------------------------------------------------------------------------ */

static gboolean make(const VMOp *op, gboolean *ret_fits, GError **error) {
    g_auto(VMLock) lock = VM_LOCK_INIT;
    g_auto(FileFd) fd = FILE_FD_NONE;
    g_autoptr(Store) store = NULL;

    if (!vm_lock(op, &lock, error) || !vm_check_record(op, lock.dir, error) ||
        !vm_nvram_open(lock.dir, op->id, op->pin, O_RDONLY, &fd, error))
        return FALSE;
    /* a guest may have run since */
    if (store_file_read(fd, op->pin->nvram_format, &store) < 0 || !is_worth_a_copy(store))
        return TRUE;
    return vm_change_good_copy(op, lock.dir, fd, ret_fits, error);
}

gboolean good_copy_update(const VMOp *op, int dir_fd, VMResult *result) {
    const gint64 now = g_get_real_time();
    g_auto(VMComparison) comparison = {};
    g_autoptr(GError) error = NULL;
    g_auto(FileFd) fd = FILE_FD_NONE;
    gboolean fits = TRUE;

    if (is_compared(op, dir_fd, result->condition.look) ||
        !vm_nvram_open(dir_fd, op->id, op->pin, O_RDONLY, &fd, &error))
        return FALSE;
    if (!compare(op, dir_fd, fd, &comparison)) {
        keep_comparison(&result->condition.look, &comparison, now);
        return FALSE;
    }
    if (make(op, &fits, &error))
        result->lacks_good_copy = !fits;
    return TRUE;
}
