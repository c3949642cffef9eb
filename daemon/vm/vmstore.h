/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "base/file.h"
#include "vm/pin.h"

/*
 * What is kept of VMs, on disk:
 *
 *   STATE/lock                one service a state directory
 *   STATE/vms/UID/ID/         one directory a VM; its name is the id
 *     pin.json                the record of its pin
 *     nvram.FORMAT            the owner's, mode 0600; absent where the firmware keeps none
 *     backup                  what the NVRAM was before it was last replaced, in its format
 *     lock                    carries the lease, a flock(2)
 *   STATE/vms/UID/.new-XXXXXX a directory that is not published yet, or not any more
 *
 * Directories are mode 0711: whoever knows a path may pass, nobody may list. A change is built
 * aside and published by one rename: a new VM by RENAME_NOREPLACE, a changed one by
 * RENAME_EXCHANGE. Everything is synced before and after. What a crash leaves behind begins with a
 * dot. It is swept when the store is loaded, unless a record of the same owner cannot be read: then it
 * may be all that is left of a VM.
 *
 * All functions wait for the disk. Two calls for one owner must not run at the same time.
 * Error of all: FIRMWARE_ERROR_IO with the path and the system's word for it.
 */

#define VMSTORE_MAX_ID 200 /* bytes */

typedef struct VMStore VMStore;

/* Makes the directory if it is not there. Also: FIRMWARE_ERROR_LIMITS_EXCEEDED, another service
 * has it. */
VMStore *vmstore_open(const char *directory, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void vmstore_free(VMStore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VMStore, vmstore_free)

/* 1 to 200 bytes of UTF-8, no slash, no control character, not beginning with a dot. */
gboolean vmstore_is_id(const char *id);

/* The path of a VM's file, for an answer. */
char *vmstore_path(const VMStore *store, uid_t uid, const char *id, const char *file)
        G_GNUC_WARN_UNUSED_RESULT;
char *vmstore_nvram_name(ImageFormat format) G_GNUC_WARN_UNUSED_RESULT;
#define VMSTORE_BACKUP_NAME "backup"

/* Sweeps what a crash left, and calls VISIT with each VM; PIN is NULL where its record cannot be
 * read, and FAULT tells why. */
typedef void (*VMVisit)(
        uid_t uid, const char *id, const Pin *pin, const char *fault, gpointer userdata);
gboolean vmstore_load(VMStore *store, VMVisit visit, gpointer userdata, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* The record in a VM's directory. Error: what is wrong with it. */
Pin *vmstore_read_pin(int dir_fd, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* A descriptor of the VM's directory. */
int vmstore_open_vm(const VMStore *store, uid_t uid, const char *id, FileFd *ret)
        G_GNUC_WARN_UNUSED_RESULT;

/* Opens one of the owner's files in DIR_FD: never through a link, never waiting for a lease on it,
 * only if it is regular. Returns 0 or a negative errno; -EWOULDBLOCK: somebody holds a file lease. */
int vmstore_open_owned(int dir_fd, const char *name, int flags, FileFd *ret)
        G_GNUC_WARN_UNUSED_RESULT;

/* Bytes of all files of the VM, holes counted. */
guint64 vmstore_get_size(int dir_fd);

/* Waits up to 20 ms. A read-only descriptor of the VM's lock file with the lease on it, which lasts
 * while any copy of the descriptor is open. Makes the file again where it is missing.
 * FIRMWARE_ERROR_NVRAM_IN_USE: somebody has the lease. */
gboolean vmstore_lease(VMStore *store, const char *id, int dir_fd, FileFd *ret, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* Somebody has the lease. Never makes vmstore_lease() fail. */
gboolean vmstore_is_leased(VMStore *store, int dir_fd);

/* Takes the VM away at once, and then its files. */
gboolean vmstore_remove(VMStore *store, uid_t uid, const char *id, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* FIRMWARE_ERROR_VM_EXISTS where NEW_ID is taken. */
gboolean vmstore_rename(
        VMStore *store, uid_t uid, const char *id, const char *new_id, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
