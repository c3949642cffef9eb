/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/vmstore.h"

/*
 * The files in a VM's directory: the service's own, and foreign ones. virt-clone, for example, puts
 * the NVRAM of a copy beside the original's. A foreign file is never copied or deleted.
 */

typedef struct VMFile {
    const char *name;
    struct stat st;
    gboolean is_own; /* a regular file under a name that the service gives */
} VMFile;

/* Returns 0 to continue; another value ends the visit. */
typedef int (*VMFileVisit)(int dir_fd, const VMFile *file, gpointer userdata);

/* Calls VISIT for each file, in any order. PIN: the VM's record; NULL: unknown, then all names that
 * the service gives in any VM or staging directory are its own. Returns the last value of VISIT, or
 * a negative errno. */
int vmfiles_visit(int dir_fd, const Pin *pin, VMFileVisit visit, gpointer userdata);

/* The same of STATE/vms or an owner's directory: only the name of each file is set, because the
 * status of one that a file system has lost would end the visit. */
int vmfiles_visit_names(int dir_fd, VMFileVisit visit, gpointer userdata);

/* The service gives NAME to a file in some VM's directory. */
gboolean vmfiles_is_own_name(const char *name);

/* backup-SERIAL.FORMAT, or the "backup" of version 0.1: that has serial 0, and its name says no
 * format (*RET_FORMAT: raw). Either result may be NULL. */
gboolean vmfiles_parse_backup(const char *name, guint32 *ret_serial, ImageFormat *ret_format);

/* Bytes on the disk: without holes. */
guint64 vmfiles_get_allocated(const struct stat *st);

/* Adds FILE to *SIZE, a size as from vmstore_get_size(). */
void vmfiles_add_size(const VMFile *file, guint64 *size);

/* *RET: the name of a foreign file, or NULL. Returns 0 or a negative errno. */
int vmfiles_find_foreign(int dir_fd, const Pin *pin, char **ret) G_GNUC_WARN_UNUSED_RESULT;

/* Renames in DIR_FD or from it to NEW_FD. Returns 0, -EEXIST where there is NEW_NAME, or another
 * negative errno. A file system without renameat2(2), such as NFS, must be kept from others by a
 * lock. */
int vmfiles_rename_new(int dir_fd, const char *name, int new_fd, const char *new_name)
        G_GNUC_WARN_UNUSED_RESULT;

/* Removes a staging directory with the service's own files, and with foreign ones that have another
 * name. Moves other foreign files to HEIR_FD, the directory that has replaced it; -1: there is
 * none. The directory stays if a foreign file does. */
void vmfiles_remove_tree(int dir_fd, const char *name, int heir_fd);

/* nogroup for an owner who is not in the user database. Asks it, which may wait. */
gid_t vmfiles_get_group(uid_t uid);

/* Removes a setuid or setgid mode. FD is open for writing. Returns 1 if it had one, 0 if not, or a
 * negative errno. */
int vmfiles_drop_set_id(int fd) G_GNUC_WARN_UNUSED_RESULT;

/* Gives a file to its owner, with mode 0600. Returns 0 or a negative errno. */
int vmfiles_give(int fd, uid_t uid, gid_t gid) G_GNUC_WARN_UNUSED_RESULT;
