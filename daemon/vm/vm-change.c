/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/vm-change.h"

gboolean vm_change_nvram(
        const VMOp *op, int dir_fd, const Pin *pin, const NVRAMSource *source,
        const BackupChange *change, VMResult *result, GError **error) {
    g_autoptr(VMDraft) draft = vmdraft_new(op->store, op->owner, op->commit, error);

    return draft && (!source || nvram_make(draft, pin, source, op->max_size, error)) &&
            vmdraft_write_pin(draft, pin, error) &&
            backups_add(draft, op, dir_fd, change, result, error) &&
            vmdraft_replace(draft, dir_fd, op->id, op->pin, error);
}

static gboolean keep_nvram(VMDraft *draft, int dir_fd, const Pin *pin, GError **error) {
    g_autofree char *nvram = vmstore_nvram_name(pin->nvram_format);

    return vmdraft_keep(draft, dir_fd, nvram, nvram, error) && vmdraft_write_pin(draft, pin, error);
}

gboolean vm_change_pin(const VMOp *op, int dir_fd, const Pin *pin, GError **error) {
    g_autoptr(VMDraft) draft = vmdraft_new(op->store, op->owner, op->commit, error);

    return draft && keep_nvram(draft, dir_fd, pin, error) &&
            backups_keep(draft, op, dir_fd, error) &&
            vmdraft_replace(draft, dir_fd, op->id, op->pin, error);
}

gboolean vm_change_good_copy(
        const VMOp *op, int dir_fd, int fd, gboolean *ret_fits, GError **error) {
    g_autoptr(VMDraft) draft = vmdraft_new(op->store, op->owner, op->commit, error);

    return draft && keep_nvram(draft, dir_fd, op->pin, error) &&
            backups_add_good(draft, op, dir_fd, fd, ret_fits, error) &&
            (!*ret_fits || vmdraft_replace(draft, dir_fd, op->id, op->pin, error));
}
