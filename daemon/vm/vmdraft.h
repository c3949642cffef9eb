/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/vmstore.h"

/*
 * The staging directory of a change, published by one rename: see vmstore.h. Error of each
 * function: FIRMWARE_ERROR_IO with path and errno.
 */

/* vmdraft_free() removes a directory that is not published. COMMIT may be NULL; it is kept. */
typedef struct VMDraft VMDraft;
VMDraft *vmdraft_new(VMStore *store, uid_t uid, Commit *commit, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
void vmdraft_free(VMDraft *draft);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VMDraft, vmdraft_free)

/* The names of scratch files, which are removed before the directory is published. */
#define VMDRAFT_SCRATCH_IN ".in"
#define VMDRAFT_SCRATCH_RAW ".raw"
#define VMDRAFT_SCRATCH_OUT ".out"

/* A descriptor of the directory, for scratch files; borrowed. */
int vmdraft_get_fd(const VMDraft *draft);

/* Creates an empty file, mode 0600, which the service owns. */
gboolean vmdraft_create(VMDraft *draft, const char *name, FileFd *ret, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
/* Creates the lock file of a new VM, which vmdraft_publish() would create. If that is done first,
 * the sync of another file makes the file system commit both, and that of the lock file is free. */
gboolean vmdraft_add_lock(VMDraft *draft, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Removes a scratch file. */
void vmdraft_discard(VMDraft *draft, const char *name);
/* Gives a finished file to the owner, renames it, and syncs it. */
gboolean vmdraft_give(VMDraft *draft, const char *name, const char *final_name, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
/* Links a file of the VM's present directory as NEW_NAME. Does nothing where there is no such file.
 * Removes a setuid or setgid mode, with which it could not be linked. Also:
 * FIRMWARE_ERROR_VM_CONFLICT, it cannot be linked (it is not regular, too many links). */
gboolean vmdraft_keep(
        VMDraft *draft, int vm_dir_fd, const char *name, const char *new_name, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
gboolean vmdraft_write_pin(VMDraft *draft, const Pin *pin, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* Publishes a new VM. Also: FIRMWARE_ERROR_VM_EXISTS. A failure changes nothing. */
gboolean vmdraft_publish(VMDraft *draft, const char *id, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Replaces VM_DIR_FD, the directory of the VM ID with the record PIN, and carries its foreign files
 * along by hard link. Also: FIRMWARE_ERROR_VM_CONFLICT, one cannot be linked. A failure changes
 * nothing. */
gboolean vmdraft_replace(
        VMDraft *draft, int vm_dir_fd, const char *id, const Pin *pin, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
