/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/vmstore.h"

/* Shared by the modules of the store. Functions return 0 or a negative errno. */

#define VMSTORE_DRAFT_PREFIX ".new-"
#define VMSTORE_LONE_DRAFT_PREFIX ".vmfirmware-new-"
#define VMSTORE_DIRECTORY_MODE 0711
#define VMSTORE_PIN_NAME "pin.json"
#define VMSTORE_LOCK_NAME "lock"

struct VMStore {
    char *directory;
    FileFd vms; /* STATE/vms */
    FileFd lock;
    FileFd watch; /* of inotify(7); -1: none */
    /* Held around each flock(2) on a VM's lock file: vmstore_is_leased() takes the lock for a
     * moment. */
    GMutex lease_mutex;
    GMutex walk_mutex;  /* of WALKED */
    GHashTable *walked; /* uid of each owner of VMs → FileStamp: see vm/vmstore-walk.h */

    /* Of a store of one VM (vm/vmdir.h), which has none of VMS and LOCK: */
    FileFd lone; /* the VM's directory, which is DIRECTORY; -1: the store has many */
    gboolean has_no_lease;
    gboolean is_made; /* by this process */
};

/* Parses the name of an owner's directory. */
gboolean vmstore_parse_owner(const char *name, uid_t *ret);
/* A store without files. */
VMStore *vmstore_new(const char *directory) G_GNUC_WARN_UNUSED_RESULT;

int vmstore_open_directory(int dir_fd, const char *name, FileFd *ret);
/* TRUE: vmstore_open_directory() has found that there is no directory of that name. */
gboolean vmstore_is_no_directory(int error);
/* STATE/vms/UID. */
int vmstore_open_owner(const VMStore *store, uid_t uid, gboolean make, FileFd *ret);
/* Creates the lock file if there is none, and syncs the directory. */
int vmstore_make_lock(int dir_fd);
char *vmstore_make_draft_name(const VMStore *store) G_GNUC_WARN_UNUSED_RESULT;

gboolean vmstore_failed(GError **error, int r, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* FIRMWARE_ERROR_NOT_SUPPORTED where R means that the file system has no flock(2). */
gboolean vmstore_lease_failed(GError **error, const char *id, int r);
gboolean vmstore_exists_already(GError **error, const char *id);
