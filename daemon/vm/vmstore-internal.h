/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/vmstore.h"

/* Shared by the modules of the store. Functions return 0 or a negative errno. */

#define VMSTORE_DRAFT_PREFIX ".new-"
#define VMSTORE_DIRECTORY_MODE 0711
#define VMSTORE_PIN_NAME "pin.json"
#define VMSTORE_LOCK_NAME "lock"

struct VMStore {
    char *directory;
    FileFd vms; /* STATE/vms */
    FileFd lock;
    /* Held around each flock(2) on a VM's lock file: vmstore_is_leased() takes the lock for a
     * moment. */
    GMutex lease_mutex;
};

/* Parses the name of an owner's directory. */
gboolean vmstore_parse_owner(const char *name, uid_t *ret);
int vmstore_open_directory(int dir_fd, const char *name, FileFd *ret);
/* STATE/vms/UID. */
int vmstore_open_owner(const VMStore *store, uid_t uid, gboolean make, FileFd *ret);
/* Creates the lock file if there is none, and syncs the directory. */
int vmstore_make_lock(int dir_fd);
char *vmstore_make_draft_name(void) G_GNUC_WARN_UNUSED_RESULT;

gboolean vmstore_failed(GError **error, int r, const char *format, ...) G_GNUC_PRINTF(3, 4);
gboolean vmstore_exists_already(GError **error, const char *id);
