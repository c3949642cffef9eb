/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/vm-op.h"

/*
 * Keeps everybody else from a VM's NVRAM for the duration of an operation: by the lease, and by the
 * locks of QEMU (block/file-posix.c), which also stop a QEMU that has no lease. With write access
 * it has OFD read locks on byte 100 (it reads) and 101 (it writes) of an image. A lock on byte 201
 * (nobody else may write) makes another QEMU fail that opens the image for writing. QEMU takes no
 * lock on a JSON store.
 */

typedef struct VMLock {
    FileFd dir; /* the VM's directory */
    FileFd lease;
    /* The files that may be the NVRAM: raw, qcow2. QEMU's locks last while they are open. */
    FileFd nvram[2];
} VMLock;

#define VM_LOCK_INIT                   \
    (VMLock) {                         \
        FILE_FD_NONE, FILE_FD_NONE, {  \
            FILE_FD_NONE, FILE_FD_NONE \
        }                              \
    }

void vm_lock_clear(VMLock *lock);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(VMLock, vm_lock_clear)

/* Opens the directory of OP's VM and takes all locks. Errors: FIRMWARE_ERROR_NVRAM_IN_USE (also: a
 * QEMU has a foreign file in the directory open for writing),
 * _VM_CONFLICT (another process has replaced the NVRAM meanwhile), _IO. */
gboolean vm_lock(const VMOp *op, VMLock *lock, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Takes the lease for a QEMU, to which its own locks are left. Errors: those of vm_lock(). */
gboolean vm_lock_lease(const VMOp *op, FileFd *ret, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Takes the NVRAM of this format, with QEMU's locks on it, out of LOCK; -1: there is none, or it is
 * a JSON store. */
FileFd vm_lock_steal_nvram(VMLock *lock, ImageFormat format) G_GNUC_WARN_UNUSED_RESULT;

/* Compares the record in the VM's directory with OP->pin: another process may have changed it.
 * Errors: FIRMWARE_ERROR_VM_CONFLICT, _IO. */
gboolean vm_check_record(const VMOp *op, int dir_fd, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* TRUE: somebody has the lease, or a QEMU has the NVRAM or a foreign file in the VM's directory
 * open for writing. */
gboolean vm_is_in_use(VMStore *store, uid_t owner, const char *id);
/* The same for an open directory, or FILE_FD_NONE. *RET_SIZE (may be NULL) is the size as from
 * vmstore_get_size(). */
gboolean vm_is_in_use_at(VMStore *store, int dir_fd, guint64 *ret_size);

/* Takes QEMU's locks on the image FD, for as long as it is open. Returns 0 or a negative errno:
 * -EAGAIN, a QEMU has it open for writing. */
int vm_lock_file(int fd) G_GNUC_WARN_UNUSED_RESULT;

/* TRUE: another open file description, of a QEMU, has the image FD open for writing. */
gboolean vm_lock_is_written_by_another(int fd);
