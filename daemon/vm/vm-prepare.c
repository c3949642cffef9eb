/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>

#include "base/error.h"
#include "vm/good-copy.h"
#include "vm/policy.h"
#include "vm/vm-assess.h"
#include "vm/vm-change.h"
#include "vm/vm-lock.h"
#include "vm/vm-nvram.h"
#include "vm/vm-ops.h"
#include "vm/vm-start.h"

/* What begins with the answer to a start: PrepareVM of a VM that is there, GetResolution,
 * SetReference. */

/* Records what a call has that its pin has not: another machine type ("another version of the same
 * section … is accepted and recorded"), another reference. */
static gboolean record_call(const VMOp *op, int dir_fd, VMResult *result, GError **error) {
    const char *machine = op->request->machine;
    gboolean is_same_machine = !machine || g_str_equal(machine, op->pin->machine);
    const char *reference = op->request->reference;
    g_autoptr(Pin) pin = NULL;

    if (is_same_machine &&
        (!reference || g_str_equal(reference, op->pin->reference ? op->pin->reference : "")))
        return TRUE;
    pin = pin_with(op->pin, is_same_machine ? NULL : &op->machine, machine, reference);
    if (!vm_check_record(op, dir_fd, error) || !vm_change_pin(op, dir_fd, pin, error))
        return FALSE;
    result->pin = g_steal_pointer(&pin);
    return TRUE;
}

/* The VM can start from the answer that the call gets. *RET_DIR is its directory. */
static gboolean check_start(
        const VMOp *op, FileFd *ret_dir, VMResult *result, VMStart *ret_start, GError **error) {
    g_autofree char *nearest = NULL;

    if (!vm_check_start(op, ret_dir, ret_start, result, error) ||
        !vm_assess(op, result, &nearest, error))
        return FALSE;
    if (result->differences & VM_DIFFERENCE_GONE) {
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_FIRMWARE_GONE,
                "VM %s: the image %s of its firmware %s is gone, and no equivalent is installed; %s",
                op->id, op->pin->resolution->descriptor->executable.filename,
                op->pin->resolution->name, nearest);
        return FALSE;
    }

    vm_find_platform_key(op, op->pin, result);
    /* Of the resolution, which may be that of an equivalent firmware. */
    return policy_check_render(op, result->resolution, NULL, error);
}

/* OVMF throws the spare area away if the write had erased the volume header, and never boots. The
 * old file becomes a backup. */
static gboolean complete_write(const VMOp *op, VMResult *result, GError **error) {
    static const BackupChange change = {.reason = BACKUP_REASON_RECOVER};
    g_auto(VMLock) lock = VM_LOCK_INIT;
    g_auto(FileFd) fd = FILE_FD_NONE;
    g_autoptr(Store) store = NULL;
    g_autoptr(GBytes) head = NULL;
    NVRAMSource source = {.format = op->pin->nvram_format, .what = op->id};

    if (!vm_lock(op, &lock, error) || !vm_check_record(op, lock.dir, error) ||
        !vm_nvram_open(lock.dir, op->id, op->pin, O_RDONLY, &fd, error) ||
        !vm_nvram_read(op, fd, &store, error))
        return FALSE;
    head = store_complete_write(store->bytes);
    if (!head)
        return TRUE;

    source.fd = fd;
    source.head = head;
    return vm_change_nvram(op, lock.dir, op->pin, &source, &change, result, error);
}

gboolean vm_op_prepare(const VMOp *op, VMResult *result, GError **error) {
    g_auto(FileFd) first = FILE_FD_NONE;
    g_auto(FileFd) changed = FILE_FD_NONE;
    int dir;
    VMStart start;

    /* Check first, so that a call that fails changes nothing. */
    if (!check_start(op, &first, result, &start, error))
        return FALSE;
    dir = first;
    if (start == VM_START_PENDING)
        result->is_read = FALSE;
    if (start == VM_START_PENDING && !complete_write(op, result, error))
        return FALSE;
    if (start == VM_START_SOUND && good_copy_update(op, dir, result))
        result->is_read = FALSE;
    /* a change has exchanged the directory */
    if (op->pin->has_nvram && !result->is_read) {
        if (!vm_op_open_directory(op, &changed, error))
            return FALSE;
        dir = changed;
    }
    if ((op->request->lease && !vm_lock_lease(op, &result->lease, error)) ||
        !record_call(op, dir, result, error))
        return FALSE;
    if (result->pin) {
        g_free(result->resolution->machine);
        result->resolution->machine = g_strdup(result->pin->resolution->machine);
    }
    /* An exchanged directory has the same lock file. */
    vmstore_set_last_prepared(dir);
    result->last_prepared = vmstore_get_last_prepared(dir);
    result->is_read = result->is_read && !result->pin && result->lease < 0;
    return TRUE;
}

/* The resolution is the pin's, except where another firmware replaces it, and where the keys in the
 * store make a difference. */
gboolean vm_expect_prepared(const VMOp *op, VMResult *result) {
    const guint others = VM_DIFFERENCE_REPLACED | VM_DIFFERENCE_GONE;

    if (op->request->lease || op->differences & others ||
        (op->pin->has_nvram && (!op->look || op->pin->nvram_format == IMAGE_FORMAT_JSON)))
        return FALSE;
    result->resolution = vm_answer(op, op->pin);
    result->differences = op->differences;
    return TRUE;
}

gboolean vm_is_as_expected(const VMOp *op, const VMResult *result) {
    const VMLook *look = result->condition.look ? result->condition.look : op->look;

    return !result->pin && result->differences == op->differences &&
            vm_look_get_summary(look) == vm_look_get_summary(op->look);
}

gboolean vm_op_set_reference(const VMOp *op, VMResult *result, GError **error) {
    g_auto(FileFd) dir = FILE_FD_NONE;

    return vm_op_open_directory(op, &dir, error) && record_call(op, dir, result, error);
}

gboolean vm_op_get_resolution(const VMOp *op, VMResult *result, GError **error) {
    g_auto(FileFd) dir = FILE_FD_NONE;
    VMStart start;

    if (op->request->check)
        return check_start(op, &dir, result, &start, error);
    if (!vm_assess(op, result, NULL, error))
        return FALSE;
    vm_find_platform_key(op, op->pin, result);
    return TRUE;
}
