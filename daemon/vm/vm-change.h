/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/backups.h"
#include "vm/nvram.h"

/*
 * The two ways in which a VM's files change: each builds a staging directory and publishes it by
 * one rename. The caller has checked everything, and holds VMLock (but for a change of the record
 * alone). A failure changes nothing. Errors: those of nvram_make() and vmdraft_replace().
 */

/* Publishes OP's VM with the record PIN and the NVRAM from SOURCE; NULL: PIN keeps none. The old
 * NVRAM becomes a backup. */
gboolean vm_change_nvram(
        const VMOp *op, int dir_fd, const Pin *pin, const NVRAMSource *source,
        const BackupChange *change, VMResult *result, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Publishes it with the record PIN and the same files. */
gboolean vm_change_pin(const VMOp *op, int dir_fd, const Pin *pin, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* Adds a good copy of the NVRAM, FD. *RET_FITS FALSE: the owner's limit leaves no room for it. */
gboolean vm_change_good_copy(const VMOp *op, int dir_fd, int fd, gboolean *ret_fits, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
