/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "base/file.h"
#include "vm/commit.h"
#include "vm/pin.h"

/*
 * The files of VMs:
 *
 *   STATE/lock                locked by the one service that uses the directory
 *   STATE/vms/UID/ID/         the directory of one VM; its name is the id
 *     pin.json                the record of its pin
 *     nvram.FORMAT            the owner's, mode 0600; absent where the firmware keeps none
 *     backup-SERIAL.FORMAT    an earlier NVRAM (vm/backup-list.h), the owner's, mode 0600
 *     backups.json            the list of the backups; absent until there is one
 *     backup                  the one backup of version 0.1, in the format of the NVRAM then
 *     lock                    carries the lease, a flock(2); its time is that of the last PrepareVM
 *     ...                     a foreign file (vm/vmfiles.h)
 *   STATE/vms/UID/.new-XXXXXX a staging directory
 *
 * Directories have mode 0711: a user who knows a path may pass, nobody may list. A change is built
 * in a staging directory and published by one rename: a new VM by RENAME_NOREPLACE, a changed one
 * by RENAME_EXCHANGE. Both directories are synced before and after. vmstore_load() sweeps the
 * staging directories that a crash leaves, unless a record of the same owner cannot be read: then
 * one of them may have all that is left of a VM.
 *
 * All functions wait for the disk. Of the calls for one owner that run in parallel, only one may
 * publish; the others have been abandoned (see commit.h; NULL where nobody abandons them). Error of
 * each function: FIRMWARE_ERROR_IO with path and errno.
 */

#define VMSTORE_MAX_ID 200 /* bytes */

typedef struct VMStore VMStore;

/* Creates the directory if there is none. Also: FIRMWARE_ERROR_LIMITS_EXCEEDED, another service
 * uses it. */
VMStore *vmstore_open(const char *directory, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void vmstore_free(VMStore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VMStore, vmstore_free)

/* 1 to 200 bytes of UTF-8, no slash, no control character, not beginning with a dot. */
gboolean vmstore_is_id(const char *id);

/* The path of a VM's file, for answers. */
char *vmstore_path(const VMStore *store, uid_t uid, const char *id, const char *file)
        G_GNUC_WARN_UNUSED_RESULT;
/* Parses such a path. The caller compares the path with vmstore_path(): another one can have the
 * same parts. */
gboolean vmstore_parse_path(const VMStore *store, const char *path, uid_t *ret_uid, char **ret_id)
        G_GNUC_WARN_UNUSED_RESULT;
char *vmstore_nvram_name(ImageFormat format) G_GNUC_WARN_UNUSED_RESULT;
char *vmstore_nvram_path(const VMStore *store, uid_t uid, const char *id, ImageFormat format)
        G_GNUC_WARN_UNUSED_RESULT;
#define VMSTORE_NVRAM_PREFIX "nvram." /* and the format */
char *vmstore_backup_name(guint32 serial, ImageFormat format) G_GNUC_WARN_UNUSED_RESULT;
#define VMSTORE_BACKUP_PREFIX "backup-" /* and the serial and the format */
#define VMSTORE_OLD_BACKUP_NAME "backup"
#define VMSTORE_BACKUP_LIST_NAME "backups.json"

/* Sweeps, and calls VISIT for each VM. DIR_FD is its directory, or FILE_FD_NONE where it cannot be
 * opened. PIN is NULL where the record cannot be read, and FAULT says why. ID is NULL, too, where
 * the directory of UID cannot be read to its end: there may be more VMs of this owner. */
typedef void (*VMVisit)(
        uid_t uid, const char *id, int dir_fd, const Pin *pin, const char *fault,
        gpointer userdata);
gboolean vmstore_load(VMStore *store, VMVisit visit, gpointer userdata, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* Reads the record in a VM's directory. */
Pin *vmstore_read_pin(int dir_fd, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Opens the VM's directory. Returns 0 or a negative errno. */
int vmstore_open_vm(const VMStore *store, uid_t uid, const char *id, FileFd *ret)
        G_GNUC_WARN_UNUSED_RESULT;

/* Opens also its NVRAM, for reading: *RET_DIR is set even if that fails. */
int vmstore_open_vm_and_nvram(
        const VMStore *store, uid_t uid, const char *id, ImageFormat format, FileFd *ret_dir,
        FileFd *ret) G_GNUC_WARN_UNUSED_RESULT;

/* Opens a regular file of the owner's in DIR_FD. Follows no link, and does not wait for a lease of
 * fcntl(2). Returns 0 or a negative errno: -EWOULDBLOCK, somebody has such a lease. */
int vmstore_open_owned(int dir_fd, const char *name, int flags, FileFd *ret)
        G_GNUC_WARN_UNUSED_RESULT;

/* When the VM was last prepared, in µs since the epoch: the time of its lock file; 0: unknown. It
 * is set to now, but not synced, and a failure is ignored: no VM depends on it. */
guint64 vmstore_get_last_prepared(int dir_fd);
void vmstore_set_last_prepared(int dir_fd);

/* The sum of the sizes of the service's own files of the VM. Holes count, but not those of
 * backups. */
guint64 vmstore_get_size(int dir_fd);

/* Takes the lease: RET is a read-only descriptor of the lock file, and the lease lasts while any
 * copy of it is open. Creates the file where it is missing. Waits up to 20 ms. Also:
 * FIRMWARE_ERROR_NVRAM_IN_USE, somebody has the lease. */
gboolean vmstore_lease(VMStore *store, const char *id, int dir_fd, FileFd *ret, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* TRUE: somebody has the lease. Does not make vmstore_lease() fail in another thread. */
gboolean vmstore_is_leased(VMStore *store, int dir_fd);

/* Watches the NVRAM in FD until a writer closes it. Returns the number of the watch, the same for
 * the same file, or 0 if it cannot be watched. */
int vmstore_watch(VMStore *store, int fd);
/* Returns the descriptor of inotify(7) that reports an IN_CLOSE_WRITE then; -1: there is none. */
int vmstore_get_watch(const VMStore *store);

/* Removes the VM by one rename, then its files. PIN: its record; NULL: it cannot be read. Also:
 * FIRMWARE_ERROR_VM_CONFLICT, a foreign file is in its directory. */
gboolean vmstore_remove(
        VMStore *store, uid_t uid, const char *id, const Pin *pin, Commit *commit, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* Also: FIRMWARE_ERROR_VM_EXISTS, NEW_ID is taken; _VM_CONFLICT, a foreign file is in the VM's
 * directory. */
gboolean vmstore_rename(
        VMStore *store, uid_t uid, const char *id, const Pin *pin, const char *new_id,
        Commit *commit, GError **error) G_GNUC_WARN_UNUSED_RESULT;
