/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/vmstore.h"

/*
 * A VM's directory that is being built aside, and published by one rename: see vmstore.h.
 * Error of all: FIRMWARE_ERROR_IO with the path and the system's word for it.
 */

/* A directory that is being built aside. Freed unpublished, it is gone. */
typedef struct VMDraft VMDraft;
VMDraft *vmdraft_new(VMStore *store, uid_t uid, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void vmdraft_free(VMDraft *draft);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VMDraft, vmdraft_free)

/* Of the draft's directory: for building scratch files in it. */
int vmdraft_get_fd(const VMDraft *draft);

/* A new empty file in the draft, mode 0600, the service's. */
gboolean vmdraft_create(VMDraft *draft, const char *name, FileFd *ret, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
/* Removes a scratch file. */
void vmdraft_discard(VMDraft *draft, const char *name);
/* Gives a finished file of the draft to the owner, under its name, and syncs it. */
gboolean vmdraft_give(VMDraft *draft, const char *name, const char *final_name, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
/* Links a file of the VM as it is now. Nothing where the VM has none of the name. Also:
 * FIRMWARE_ERROR_VM_CONFLICT, it cannot be linked: it is a directory, its owner has set a mode that
 * forbids it, or it has too many links. */
gboolean vmdraft_keep(
        VMDraft *draft, int vm_dir_fd, const char *name, const char *new_name, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
gboolean vmdraft_write_pin(VMDraft *draft, const Pin *pin, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* As a new VM (also: FIRMWARE_ERROR_VM_EXISTS), or in the place of the VM that is there. What fails
 * leaves all as it was. */
gboolean vmdraft_publish(VMDraft *draft, const char *id, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean vmdraft_replace(VMDraft *draft, const char *id, GError **error) G_GNUC_WARN_UNUSED_RESULT;
