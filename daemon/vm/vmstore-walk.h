/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/vmstore.h"

/*
 * A walk over the VMs of a list, which looks up the status of each VM's NVRAM and opens no file.
 *
 * A path of several components follows links in all but the last, and an administrator may have
 * moved a VM's directory and left a link: the VM's directory needs a status of its own. But while
 * the stamp of its owner's directory proves that no entry of that has changed since a walk over all
 * VMs, one system call for each VM is enough.
 */

typedef struct VMStoreWalk {
    VMStore *store;
    uid_t uid;             /* the owner that the walk is at; (uid_t)-1: none */
    gboolean is_directory; /* the owner's directory is one */
    gboolean is_walked;    /* its entries are as they were in an earlier walk */
    gboolean is_trusted;   /* STAMP proves that */
    FileStamp stamp;       /* of the owner's directory, before any of its VMs was looked at */
    gsize length;          /* of "UID/" in PATH */
    char path[10 + 1 + VMSTORE_MAX_ID + 1 + sizeof VMSTORE_NVRAM_PREFIX + 16];
} VMStoreWalk;

/* STORE may be NULL for a list without VMs. */
void vmstore_walk_begin(VMStoreWalk *walk, VMStore *store);

/* Goes on to the owner, before anything of its VMs is looked at. */
void vmstore_walk_to(VMStoreWalk *walk, uid_t uid);

/* After all VMs of the owner that the walk is at have been looked at: here, or by an opening of
 * their directories. */
void vmstore_walk_end_owner(VMStoreWalk *walk);

/* Returns 0 or a negative errno. */
int vmstore_walk_stat_nvram(VMStoreWalk *walk, const char *id, ImageFormat format, struct stat *ret)
        G_GNUC_WARN_UNUSED_RESULT;
