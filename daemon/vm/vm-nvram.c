/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/vm-nvram.h"

#include "base/error.h"
#include "core/flash.h"
#include "core/store-file.h"
#include "vm/nvram.h"

gboolean vm_nvram_open_failed(GError **error, const char *id, int r) {
    if (file_is_missing(r))
        return vm_op_fail(error, FIRMWARE_ERROR_NVRAM_MISSING, id, "its NVRAM file is gone");
    if (r == -EWOULDBLOCK)
        return vm_op_fail(error, FIRMWARE_ERROR_NVRAM_IN_USE, id, "somebody leases its NVRAM file");
    return firmware_error_set_io(error, id, r);
}

static gboolean bad_size(
        GError **error, const char *id, const char *limit, guint64 size, guint64 expected) {
    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_NVRAM_MISMATCH,
            "VM %s: its NVRAM file has %" G_GUINT64_FORMAT " bytes, %s %" G_GUINT64_FORMAT, id,
            size, limit, expected);
    return FALSE;
}

/* A raw file has no metadata. */
static gboolean check_qcow2_size(int fd, const char *id, const Pin *pin, GError **error) {
    const guint64 max_size = pin->nvram_size + NVRAM_MAX_METADATA_SIZE;
    struct stat st;

    if (fstat(fd, &st) < 0)
        return firmware_error_set_io(error, id, -errno);
    return (guint64)st.st_size <= max_size ||
            bad_size(
                    error, id, "with those of its format, and at most", (guint64)st.st_size,
                    max_size);
}

static gboolean check_file(int fd, const char *id, const Pin *pin, GError **error) {
    ImageInfo info;
    int r = image_probe_fd(fd, pin->nvram_format, &info);

    if (r < 0)
        return firmware_error_set_io(error, id, r);
    if (info.is_foreign)
        return vm_op_fail(
                error, FIRMWARE_ERROR_IMAGE_UNUSABLE, id,
                "its NVRAM file names another file, or has unknown features");
    if (info.status == IMAGE_STATUS_TOO_LARGE)
        return bad_size(error, id, "and at most", info.size, IMAGE_JSON_MAX_SIZE);
    if (info.status != IMAGE_STATUS_OK)
        return vm_op_fail(
                error, FIRMWARE_ERROR_NVRAM_MISMATCH, id,
                "its NVRAM file is not of the format it was made in");
    if (pin->nvram_format != IMAGE_FORMAT_JSON && flash_backend_size(info.size) != pin->nvram_size)
        return bad_size(
                error, id, "and was made with", flash_backend_size(info.size), pin->nvram_size);
    return pin->nvram_format != IMAGE_FORMAT_QCOW2 || check_qcow2_size(fd, id, pin, error);
}

/* R is the result of opening it. */
static gboolean take_file(
        int r, FileFd *fd, const char *id, const Pin *pin, FileFd *ret, GError **error) {
    if (r < 0)
        return vm_nvram_open_failed(error, id, r);
    if (!check_file(*fd, id, pin, error))
        return FALSE;
    *ret = *fd;
    *fd = FILE_FD_NONE;
    return TRUE;
}

gboolean vm_nvram_open(
        int dir_fd, const char *id, const Pin *pin, int flags, FileFd *ret, GError **error) {
    g_autofree char *name = vmstore_nvram_name(pin->nvram_format);
    g_auto(FileFd) fd = FILE_FD_NONE;
    int r = vmstore_open_owned(dir_fd, name, flags, &fd);

    return take_file(r, &fd, id, pin, ret, error);
}

gboolean vm_nvram_open_with_directory(
        const VMStore *store, uid_t owner, const char *id, const Pin *pin, FileFd *ret_dir,
        FileFd *ret, GError **error) {
    g_auto(FileFd) fd = FILE_FD_NONE;
    int r = vmstore_open_vm_and_nvram(store, owner, id, pin->nvram_format, ret_dir, &fd);

    return take_file(r, &fd, id, pin, ret, error);
}

gboolean vm_nvram_check_exists(const char *id, const Pin *pin, GError **error) {
    return pin->has_nvram ||
            vm_op_fail(error, FIRMWARE_ERROR_NOT_SUPPORTED, id, "its firmware keeps no variables");
}

gboolean vm_nvram_open_to_read(
        const VMStore *store, uid_t owner, const char *id, const Pin *pin, FileFd *ret,
        GError **error) {
    g_auto(FileFd) dir = FILE_FD_NONE;

    return vm_nvram_check_exists(id, pin, error) &&
            vm_nvram_open_with_directory(store, owner, id, pin, &dir, ret, error);
}

gboolean vm_nvram_read(const VMOp *op, int fd, Store **ret, GError **error) {
    int r = store_file_read(fd, op->pin->nvram_format, ret);

    if (r == -EOPNOTSUPP)
        return vm_op_fail(
                error, FIRMWARE_ERROR_NOT_SUPPORTED, op->id,
                "its NVRAM is compressed with zstd; qemu-img convert makes a copy that can be "
                "changed");
    return r >= 0 || firmware_error_set_io(error, op->id, r);
}

gboolean vm_nvram_check(
        const VMStore *store, uid_t owner, const char *id, const Pin *pin, GError **error) {
    g_auto(FileFd) fd = FILE_FD_NONE;

    return !pin->has_nvram || vm_nvram_open_to_read(store, owner, id, pin, &fd, error);
}
