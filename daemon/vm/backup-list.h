/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/vmstore.h"

/*
 * The backups of a VM: earlier NVRAM files in its directory, and backups.json, which says when and
 * why each was made, and which keys of the host were put into it. The files are the truth: a file
 * that the list lacks counts, too (that of version 0.1, or all if the list has a fault), and an
 * entry without its file does not.
 */

typedef enum BackupReason {
    BACKUP_REASON_RESET,
    BACKUP_REASON_IMPORT,
    BACKUP_REASON_REBIND,
    BACKUP_REASON_CHANGE,  /* of variables */
    BACKUP_REASON_RECOVER, /* PrepareVM completed a write */
    BACKUP_REASON_RESTORE,
    BACKUP_REASON_GOOD, /* a copy of a store that was sound, not one that was replaced */
} BackupReason;
const char *backup_reason_to_string(BackupReason reason);

typedef struct Backup {
    guint32 serial; /* the contract's index; never used again */
    guint64 time;   /* µs since the epoch: when it was made */
    BackupReason reason;
    ImageFormat format;
    guint64 size;      /* bytes that the guest sees; of JSON, bytes of the file */
    guint64 allocated; /* bytes on the disk */
    GStrv enrolled;    /* as of the pin that it was the NVRAM of, but empty: none; NULL: unknown */
    char *name;        /* of its file in the VM's directory; NULL: not there yet */
} Backup;

void backup_free(Backup *backup);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Backup, backup_free)

typedef struct BackupList {
    GPtrArray *all; /* of Backup, by serial */
    guint32 next;   /* the serial of the next backup */
} BackupList;

/* Reads the list of the VM in DIR_FD. Returns 0 or a negative errno: the directory or the list
 * cannot be read; a list with a fault is no error. */
int backup_list_read(int dir_fd, BackupList **ret) G_GNUC_WARN_UNUSED_RESULT;
void backup_list_free(BackupList *list);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BackupList, backup_list_free)

/* The content of backups.json. It does not say which keys there were if it would be too long. */
char *backup_list_to_json(const BackupList *list) G_GNUC_WARN_UNUSED_RESULT;

/* NULL: there is none. */
const Backup *backup_list_find(const BackupList *list, guint32 serial);
/* The newest backup that is no good copy, or the good copy. NULL: there is none. */
const Backup *backup_list_get_newest(const BackupList *list);
const Backup *backup_list_get_good(const BackupList *list);

/* Fills in format, size and allocated of a file in FORMAT: of an open one, or of one that cannot be
 * read. The first returns 0 or a negative errno. */
int backup_measure(Backup *backup, int fd, ImageFormat format) G_GNUC_WARN_UNUSED_RESULT;
void backup_set_stat(Backup *backup, const struct stat *st, ImageFormat format);
