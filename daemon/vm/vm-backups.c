/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/vm-backups.h"

#include <fcntl.h>

#include "base/error.h"
#include "core/flash.h"
#include "core/store-file.h"
#include "uefi/digest.h"
#include "vm/vm-change.h"
#include "vm/vm-lock.h"
#include "vm/vm-nvram.h"

gboolean vm_backup_open(const VMOp *op, int dir_fd, FileFd *ret_fd, Backup **ret, GError **error) {
    const Request *request = op->request;
    g_autoptr(BackupList) list = NULL;
    const Backup *found;
    gboolean is_there;
    guint place;
    int r;

    if (!backups_read(op, dir_fd, &list, error))
        return FALSE;
    found = request->has_index ? backup_list_find(list, request->index)
                               : backup_list_get_newest(list);
    if (!found && request->has_index) {
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_NO_SUCH_BACKUP, "VM %s has no backup %u",
                op->id, (unsigned)request->index);
        return FALSE;
    }
    if (!found)
        return vm_op_fail(error, FIRMWARE_ERROR_NVRAM_MISSING, op->id, "it has no backup");
    r = vmstore_open_owned(dir_fd, found->name, O_RDONLY, ret_fd);
    if (r < 0)
        return vm_nvram_open_failed(error, op->id, r);
    is_there = g_ptr_array_find(list->all, found, &place);
    g_assert(is_there);
    *ret = g_ptr_array_steal_index(list->all, place);
    return TRUE;
}

/* -- ListBackups --------------------------------------------------------------------------- */

static void backup_report_free(gpointer data) {
    BackupReport *report = data;

    g_free(report->sha256);
    g_free(report);
}

/* A backup that cannot be read is unreadable; others are listed all the same. */
static BackupReport *report_backup(int dir_fd, const Backup *backup) {
    BackupReport *report = g_new0(BackupReport, 1);
    g_auto(FileFd) fd = FILE_FD_NONE;
    g_autoptr(Store) store = NULL;

    report->backup = *backup;
    report->backup.name = NULL;
    report->backup.enrolled = NULL;
    report->health = STORE_HEALTH_UNREADABLE;
    if (vmstore_open_owned(dir_fd, backup->name, O_RDONLY, &fd) < 0 ||
        store_file_read(fd, backup->format, &store) < 0) {
        report->sha256 = g_strdup("");
        return report;
    }
    report->health = store->health;
    report->sha256 = digest_gbytes(store->bytes);
    return report;
}

gboolean vm_op_list_backups(const VMOp *op, VMResult *result, GError **error) {
    g_auto(FileFd) dir = FILE_FD_NONE;
    g_autoptr(BackupList) list = NULL;

    if (!vm_op_open_directory(op, &dir, error) || !backups_read(op, dir, &list, error))
        return FALSE;
    result->backups = g_ptr_array_new_with_free_func(backup_report_free);
    for (guint i = list->all->len; i-- > 0;)
        g_ptr_array_add(result->backups, report_backup(dir, list->all->pdata[i]));
    return TRUE;
}

/* -- Restore ------------------------------------------------------------------------------- */

static guint64 get_size(const Backup *backup) {
    return backup->format == IMAGE_FORMAT_JSON ? 0 : flash_backend_size(backup->size);
}

/* Import converts raw and qcow2, where the size is right. */
static gboolean check_fits(const VMOp *op, const Backup *backup, GError **error) {
    const Pin *pin = op->pin;
    const gboolean is_same_format = backup->format == pin->nvram_format;
    const gboolean is_same_size = get_size(backup) == pin->nvram_size;

    if (is_same_format && is_same_size)
        return TRUE;
    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_NVRAM_MISMATCH,
            "VM %s: its backup %u is %s with %" G_GUINT64_FORMAT
            " bytes, and its firmware %s needs %s with %" G_GUINT64_FORMAT "%s",
            op->id, (unsigned)backup->serial, image_format_to_string(backup->format), backup->size,
            pin->resolution->name, image_format_to_string(pin->nvram_format), pin->nvram_size,
            is_same_size ? "; Import takes what Export makes of it"
                         : "; it can be restored after Rebind with reset to firmware that takes "
                           "it, and from there Rebind with convert moves its variables");
    return FALSE;
}

gboolean vm_op_restore(const VMOp *op, VMResult *result, GError **error) {
    const BackupChange change = {.reason = BACKUP_REASON_RESTORE, .spared = &op->request->index};
    NVRAMSource source = {.format = op->pin->nvram_format, .what = "the backup"};
    g_auto(VMLock) lock = VM_LOCK_INIT;
    g_auto(FileFd) fd = FILE_FD_NONE;
    g_autoptr(Backup) backup = NULL;
    g_autoptr(Pin) pin = pin_with(op->pin, NULL, NULL, NULL);

    if (!vm_nvram_check_exists(op->id, op->pin, error) || !vm_lock(op, &lock, error) ||
        !vm_check_record(op, lock.dir, error) ||
        !vm_backup_open(op, lock.dir, &fd, &backup, error) || !check_fits(op, backup, error))
        return FALSE;
    source.fd = fd;
    if (backup->enrolled) {
        g_clear_pointer(&pin->enrolled, g_strfreev);
        pin->enrolled = *backup->enrolled ? g_steal_pointer(&backup->enrolled) : NULL;
    }
    if (!vm_change_nvram(op, lock.dir, pin, &source, &change, result, error))
        return FALSE;
    result->pin = g_steal_pointer(&pin);
    return TRUE;
}
