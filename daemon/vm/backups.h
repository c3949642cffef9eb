/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/backup-list.h"
#include "vm/vm-op.h"
#include "vm/vmdraft.h"

/*
 * The backups of a VM in a change: which of them its new directory has. DRAFT has all its other
 * files already, and DIR_FD is the present directory of OP's VM. Limits drop backups, and never
 * make a change fail: the oldest is dropped first, then the good copy, then the new backup.
 * Error: FIRMWARE_ERROR_IO.
 */

gboolean backups_read(const VMOp *op, int dir_fd, BackupList **ret, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* Keeps all. */
gboolean backups_keep(VMDraft *draft, const VMOp *op, int dir_fd, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* SPARED is never dropped; NULL: none. */
typedef struct BackupChange {
    BackupReason reason;
    const guint32 *spared;
} BackupChange;

/* The present NVRAM becomes a backup, by its own file. Where it is missing, keeps all. Sets
 * RESULT->lacks_good_copy if the good copy was dropped. */
gboolean backups_add(
        VMDraft *draft, const VMOp *op, int dir_fd, const BackupChange *change, VMResult *result,
        GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* A copy of the present NVRAM, FD, becomes the good copy. *RET_FITS FALSE: the limit of the owner
 * leaves no room for it, and DRAFT is useless. */
gboolean backups_add_good(
        VMDraft *draft, const VMOp *op, int dir_fd, int fd, gboolean *ret_fits, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
