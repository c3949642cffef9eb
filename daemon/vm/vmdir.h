/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/vmstore.h"

/*
 * A store of one VM, which lives in a directory of the calling user: the same files as in a
 * directory of the service, beside files of the user, which are never touched. The directory is
 * never renamed or exchanged: it may be a mount point, and its parent may be read-only.
 *
 *   DIR/.vmfirmware-new-XXXXXX   a staging directory
 *   DIR/.vmfirmware-commit       the same, committed by one rename
 *   DIR/.vmfirmware-apply        the same, when the files that it replaces are out of the way
 *
 * A committed change is applied file by file, each step of which can be repeated. vmdir_open()
 * completes a change that was committed, and discards one that was not. It holds a flock(2) on the
 * directory until the store is freed, so that calls of several processes run one after another.
 */

typedef enum VMDirFlags {
    VMDIR_MAKE = 1 << 0,     /* the directory, mode 0700, if it is missing */
    VMDIR_NO_LEASE = 1 << 1, /* on a file system without flock(2) */
} VMDirFlags;

/* DIRECTORY is absolute. Errors: FIRMWARE_ERROR_NO_SUCH_VM, there is no directory; _ACCESS_DENIED,
 * it or a file of the VM belongs to another uid; _NVRAM_IN_USE, another process works on it for
 * more than 10 s; _NOT_SUPPORTED, no flock(2) there; _IO. */
VMStore *vmdir_open(const char *directory, VMDirFlags flags, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* For the modules of the store. MOVES has a line "OLD\tNEW" for each file of the VM that stays, in
 * most cases under its name. Publishes the staging directory NAME, DRAFT_FD. Also:
 * FIRMWARE_ERROR_VM_CONFLICT, IS_NEW and a file of a VM is there. */
gboolean vmdir_publish(
        VMStore *store, int draft_fd, const char *name, const char *moves, gboolean is_new,
        GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Removes the files of the VM, and the directory if nothing else is in it. */
gboolean vmdir_remove(VMStore *store, GError **error) G_GNUC_WARN_UNUSED_RESULT;
