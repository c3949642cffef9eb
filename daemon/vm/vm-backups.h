/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/backup-list.h"
#include "vm/vm-op.h"

/*
 * The operations on backups, on a job's worker thread.
 */

/* Opens the backup that OP asks for with index; without it, the newest that is no good copy. RET
 * describes it. Errors: FIRMWARE_ERROR_NO_SUCH_BACKUP; _NVRAM_MISSING, there is none; those of
 * vm_nvram_open_failed(). */
gboolean vm_backup_open(const VMOp *op, int dir_fd, FileFd *ret_fd, Backup **ret, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* What ListBackups reports of one. */
typedef struct BackupReport {
    Backup backup; /* without its name and its keys */
    char *sha256;  /* of the store, as in a StoreReport; "": it cannot be read */
    StoreHealth health;
} BackupReport;

/* Sets RESULT->backups, of BackupReport, newest first. Error: FIRMWARE_ERROR_IO. */
gboolean vm_op_list_backups(const VMOp *op, VMResult *result, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
/* Errors: FIRMWARE_ERROR_NO_SUCH_BACKUP, _NVRAM_MISMATCH (the backup has another format or size
 * than the pin), _NVRAM_IN_USE, _NOT_SUPPORTED (the firmware keeps no variables), those of
 * vm_change_nvram(). */
gboolean vm_op_restore(const VMOp *op, VMResult *result, GError **error) G_GNUC_WARN_UNUSED_RESULT;
