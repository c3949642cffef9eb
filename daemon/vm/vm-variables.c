/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/vm-variables.h"

#include <fcntl.h>

#include "base/error.h"
#include "core/store-file.h"
#include "vm/vm-backups.h"
#include "vm/vm-lock.h"
#include "vm/vm-nvram.h"

static gboolean read_store(
        int fd, ImageFormat format, const char *what, const VMOp *op, VMResult *result,
        GError **error) {
    int r = store_file_read(fd, format, &result->store);

    if (r == -EOPNOTSUPP) {
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_NOT_SUPPORTED,
                "%s: the image is compressed with zstd; qemu-img convert makes a copy that can be "
                "read",
                what);
        return FALSE;
    }
    if (r < 0) {
        g_set_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_IO, "%s: %s", what, g_strerror(-r));
        return FALSE;
    }
    result->store_format = format;
    result->report = vm_op_report(op, result->store);
    return TRUE;
}

static gboolean check_not_in_use(const VMOp *op, gboolean is_in_use, GError **error) {
    if (!is_in_use || op->request->live)
        return TRUE;
    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_NVRAM_IN_USE,
            "VM %s: it is in use, so its variables may change; with live they are read all the "
            "same",
            op->id);
    return FALSE;
}

/* No guest writes to a backup. */
static gboolean read_backup(const VMOp *op, VMResult *result, GError **error) {
    g_auto(FileFd) dir = FILE_FD_NONE;
    g_auto(FileFd) fd = FILE_FD_NONE;
    g_autoptr(Backup) backup = NULL;

    return vm_op_open_directory(op, &dir, error) && vm_backup_open(op, dir, &fd, &backup, error) &&
            read_store(fd, backup->format, op->id, op, result, error);
}

gboolean vm_op_read_variables(const VMOp *op, VMResult *result, GError **error) {
    const gboolean was_in_use = vm_is_in_use(op->store, op->owner, op->id);
    g_auto(FileFd) fd = FILE_FD_NONE;
    gboolean is_in_use;

    if (op->request->has_index)
        return read_backup(op, result, error);
    if (!check_not_in_use(op, was_in_use, error) ||
        !vm_nvram_open_to_read(op->store, op->owner, op->id, op->pin, &fd, error) ||
        !read_store(fd, op->pin->nvram_format, op->id, op, result, error))
        return FALSE;
    is_in_use = vm_is_in_use(op->store, op->owner, op->id);
    result->report->is_live = was_in_use || is_in_use;
    return check_not_in_use(op, is_in_use, error);
}

const StoreVariable *vm_op_find_variable(const VMOp *op, const VMResult *result) {
    EfiGuid guid;

    return efi_guid_parse(op->guid, &guid) ? store_find(result->store, &guid, op->name) : NULL;
}

gboolean vm_op_get_variable(const VMOp *op, VMResult *result, GError **error) {
    if (!vm_op_read_variables(op, result, error))
        return FALSE;
    if (!result->store->is_readable) {
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_IMAGE_UNUSABLE, "VM %s: its store is %s: %s",
                op->id, store_health_to_string(result->store->health), result->store->detail);
        return FALSE;
    }
    if (vm_op_find_variable(op, result))
        return TRUE;
    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_NO_SUCH_VARIABLE, "VM %s has no variable %s-%s",
            op->id, op->guid, op->name);
    return FALSE;
}

gboolean vm_op_read_store(const VMOp *op, VMResult *result, GError **error) {
    ImageFormat format;

    if (!op->request->format || !image_format_from_string(op->request->format, &format))
        format = store_file_guess_format(op->source);
    return read_store(op->source, format, "store", op, result, error);
}
