/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/backups.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/copy.h"
#include "base/error.h"
#include "vm/vmstore-internal.h"

gboolean backups_read(const VMOp *op, int dir_fd, BackupList **ret, GError **error) {
    int r = backup_list_read(dir_fd, ret);

    return r >= 0 || vmstore_failed(error, r, "VM %s: its backups", op->id);
}

/* -- limits -------------------------------------------------------------------------------- */

/* What a change may drop. */
typedef struct Trim {
    BackupList *list;
    const guint32 *spared;
    const Backup *added; /* NULL: none */
    guint64 room;        /* bytes, for backups.json too */
} Trim;

static gboolean is_spared(const Trim *trim, const Backup *backup) {
    return trim->spared && backup->serial == *trim->spared;
}

static gboolean drop(const Trim *trim, const Backup *backup) {
    return backup && g_ptr_array_remove(trim->list->all, (gpointer)backup);
}

/* Drops the oldest replaced store, but not the added one. */
static gboolean drop_oldest(const Trim *trim) {
    for (guint i = 0; i < trim->list->all->len; i++) {
        const Backup *backup = trim->list->all->pdata[i];

        if (backup->reason != BACKUP_REASON_GOOD && backup != trim->added &&
            !is_spared(trim, backup))
            return drop(trim, backup);
    }
    return FALSE;
}

static guint count_replaced(const BackupList *list) {
    guint n = 0;

    for (guint i = 0; i < list->all->len; i++)
        n += ((const Backup *)list->all->pdata[i])->reason != BACKUP_REASON_GOOD;
    return n;
}

static gboolean fits(const Trim *trim) {
    g_autofree char *json = backup_list_to_json(trim->list);
    guint64 size = strlen(json);

    for (guint i = 0; i < trim->list->all->len; i++)
        if (!g_uint64_checked_add(
                    &size, size, ((const Backup *)trim->list->all->pdata[i])->allocated))
            return FALSE;
    return size <= trim->room;
}

/* Drops what exceeds the number and the room. Returns FALSE if the good copy was dropped. */
static gboolean apply_limits(Trim *trim, guint max_backups) {
    const Backup *good = backup_list_get_good(trim->list);
    gboolean has_dropped_good = FALSE;

    if (max_backups == 0)
        trim->added = NULL;
    while (count_replaced(trim->list) > max_backups && drop_oldest(trim))
        continue;
    while (!fits(trim) && drop_oldest(trim))
        continue;
    if (good && !is_spared(trim, good) && !fits(trim))
        has_dropped_good = drop(trim, good);
    if (trim->added && !fits(trim))
        (void)drop(trim, trim->added);
    return !has_dropped_good;
}

/* Bytes that the backups and their list may take. */
static guint64 get_room(const VMOp *op, const VMDraft *draft) {
    guint64 taken = vmstore_get_size(vmdraft_get_fd(draft));

    return op->max_size == 0 ? G_MAXUINT64 : op->max_size - MIN(op->max_size, taken);
}

/* -- staging ------------------------------------------------------------------------------- */

static gboolean write_list(VMDraft *draft, const BackupList *list, GError **error) {
    g_autofree char *json = backup_list_to_json(list);
    g_auto(FileFd) fd = FILE_FD_NONE;
    int r;

    if (!vmdraft_create(draft, VMSTORE_BACKUP_LIST_NAME, &fd, error))
        return FALSE;
    r = file_write_all(fd, json, strlen(json));
    if (r >= 0 && fsync(fd) < 0)
        r = -errno;
    return r >= 0 || firmware_error_set_io(error, VMSTORE_BACKUP_LIST_NAME, r);
}

/* A list that names no backup still says which serials were used. */
static gboolean stage(VMDraft *draft, int dir_fd, const BackupList *list, GError **error) {
    for (guint i = 0; i < list->all->len; i++) {
        const Backup *backup = list->all->pdata[i];
        g_autofree char *name = vmstore_backup_name(backup->serial, backup->format);

        if (backup->name && !vmdraft_keep(draft, dir_fd, backup->name, name, error))
            return FALSE;
    }
    return list->next == 1 && list->all->len == 0 ? TRUE : write_list(draft, list, error);
}

gboolean backups_keep(VMDraft *draft, const VMOp *op, int dir_fd, GError **error) {
    g_autoptr(BackupList) list = NULL;

    return backups_read(op, dir_fd, &list, error) && stage(draft, dir_fd, list, error);
}

/* Of the present NVRAM. */
static Backup *add(const VMOp *op, BackupList *list, BackupReason reason) {
    static char *none[] = {NULL};
    Backup *backup = g_new0(Backup, 1);

    backup->serial = list->next++;
    backup->reason = reason;
    backup->time = (guint64)g_get_real_time();
    backup->enrolled = g_strdupv(op->pin->enrolled ? op->pin->enrolled : none);
    g_ptr_array_add(list->all, backup);
    return backup;
}

/* Adds the present NVRAM to LIST. *RET NULL: it is missing. */
static gboolean add_nvram(
        const VMOp *op, int dir_fd, BackupReason reason, BackupList *list, const Backup **ret,
        GError **error) {
    const Pin *pin = op->pin;
    g_autofree char *name = vmstore_nvram_name(pin->nvram_format);
    g_auto(FileFd) fd = FILE_FD_NONE;
    Backup *backup;
    struct stat st;
    int r;

    *ret = NULL;
    if (!pin->has_nvram)
        return TRUE;
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT || firmware_error_set_io(error, op->id, -errno);
    backup = add(op, list, reason);
    backup->name = g_steal_pointer(&name);
    *ret = backup;
    backup_set_stat(backup, &st, pin->nvram_format);
    r = vmstore_open_owned(dir_fd, backup->name, O_RDONLY, &fd);
    if (r >= 0)
        r = backup_measure(backup, fd, pin->nvram_format);
    return r >= 0 || file_is_at_fault(r) || firmware_error_set_io(error, op->id, r);
}

gboolean backups_add(
        VMDraft *draft, const VMOp *op, int dir_fd, const BackupChange *change, VMResult *result,
        GError **error) {
    g_autoptr(BackupList) list = NULL;
    Trim trim = {.spared = change->spared, .room = get_room(op, draft)};

    if (!backups_read(op, dir_fd, &list, error) ||
        !add_nvram(op, dir_fd, change->reason, list, &trim.added, error))
        return FALSE;
    trim.list = list;
    result->lacks_good_copy |= !apply_limits(&trim, op->max_backups);
    return stage(draft, dir_fd, list, error);
}

/* -- the good copy ------------------------------------------------------------------------- */

static gboolean copy_good(
        VMDraft *draft, const VMOp *op, int from, Backup *backup, GError **error) {
    g_autofree char *name = NULL;
    g_auto(FileFd) fd = FILE_FD_NONE;
    struct stat st;
    int r;

    if (!vmdraft_create(draft, VMDRAFT_SCRATCH_OUT, &fd, error))
        return FALSE;
    r = fstat(from, &st) < 0 ? -errno : 0;
    if (r >= 0)
        r = copy_file(from, fd, (guint64)st.st_size, (guint64)st.st_size);
    if (r >= 0)
        r = backup_measure(backup, fd, op->pin->nvram_format);
    if (r < 0)
        return firmware_error_set_io(error, op->id, r);
    name = vmstore_backup_name(backup->serial, backup->format);
    return vmdraft_give(draft, VMDRAFT_SCRATCH_OUT, name, error);
}

gboolean backups_add_good(
        VMDraft *draft, const VMOp *op, int dir_fd, int fd, gboolean *ret_fits, GError **error) {
    g_autoptr(BackupList) list = NULL;
    Trim trim = {.room = get_room(op, draft)};
    Backup *backup;

    if (!backups_read(op, dir_fd, &list, error))
        return FALSE;
    trim.list = list;
    (void)drop(&trim, backup_list_get_good(list));
    backup = add(op, list, BACKUP_REASON_GOOD);
    if (!copy_good(draft, op, fd, backup, error))
        return FALSE;
    while (!fits(&trim) && drop_oldest(&trim))
        continue;
    *ret_fits = fits(&trim);
    return !*ret_fits || stage(draft, dir_fd, list, error);
}
