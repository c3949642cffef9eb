/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/vm-condition.h"

#include <fcntl.h>

#include "base/error.h"
#include "vm/vm-lock.h"
#include "vm/vm-nvram.h"

static const char *get_nvram_fault(int dir_fd, const char *id, const Pin *pin, FileFd *ret_fd) {
    g_autoptr(GError) error = NULL;

    if (!pin->has_nvram || vm_nvram_open(dir_fd, id, pin, O_RDONLY, ret_fd, &error))
        return NULL;
    if (g_error_matches(error, FIRMWARE_ERROR, FIRMWARE_ERROR_NVRAM_MISMATCH) ||
        g_error_matches(error, FIRMWARE_ERROR, FIRMWARE_ERROR_IMAGE_UNUSABLE))
        return "nvram-mismatch";
    /* a file lease hides the content, and makes it no worse */
    if (g_error_matches(error, FIRMWARE_ERROR, FIRMWARE_ERROR_NVRAM_IN_USE))
        return NULL;
    return "nvram-missing";
}

/* A list of the directory takes twelve system calls. */
static gboolean is_in_use(
        VMStore *store, int dir_fd, int fd, const VMLook *look, guint64 *ret_size) {
    if (!look || !look->comparison.is_alone || !vm_look_has_directory(look, dir_fd))
        return vm_is_in_use_at(store, dir_fd, ret_size);
    if (ret_size)
        *ret_size = look->comparison.size;
    return vm_lock_is_written_by_another(fd) || vmstore_is_leased(store, dir_fd);
}

void vm_complete_condition(
        VMStore *store, int dir_fd, int fd, uid_t owner, VMLook *look, VMCondition *ret,
        guint64 *ret_size) {
    struct stat st;

    /* after the look: a guest may have been writing, or have begun to */
    ret->is_in_use = is_in_use(store, dir_fd, fd, look, ret_size);
    if (ret->is_in_use && fd >= 0) {
        ret->watch = vmstore_watch(store, fd);
        /* its use may have ended before the watch began */
        ret->is_in_use = vm_is_in_use_at(store, dir_fd, NULL);
    }
    if (ret->is_in_use || fd < 0 || fstat(fd, &st) < 0)
        return;
    if (look && vm_look_is_of(look, &st))
        ret->look = vm_look_ref(look);
    /* libvirt changes the owner while a guest runs */
    if (st.st_uid != owner)
        ret->nvram_fault = "nvram-owner";
}

/* FILE_FD_NONE: it is gone. */
static FileFd open_directory(const VMStore *store, uid_t owner, const char *id) {
    FileFd fd;

    return vmstore_open_vm(store, owner, id, &fd) >= 0 ? fd : FILE_FD_NONE;
}

/* BEGUN: before DIR_FD was opened, which a change may have replaced since. */
static void read_condition(
        VMStore *store, gint64 begun, int dir_fd, uid_t owner, const char *id, const Pin *pin,
        KnownCertificates *known, VMLook *before, VMCondition *ret, guint64 *ret_size) {
    g_auto(FileFd) fd = FILE_FD_NONE;
    g_autoptr(VMLook) earlier = ret->look;
    g_autoptr(VMLook) look = NULL;
    struct stat st;

    *ret = (VMCondition){.begun = begun, .nvram_fault = get_nvram_fault(dir_fd, id, pin, &fd)};
    /* the operation has made EARLIER: the same stamp is proof enough until the next look */
    if (fd >= 0 && earlier && fstat(fd, &st) == 0 && vm_look_is_of(earlier, &st))
        look = vm_look_ref(earlier);
    else if (fd >= 0)
        look = vm_look_new(fd, pin->nvram_format, known, before);
    vm_complete_condition(store, dir_fd, fd, owner, look, ret, ret_size);
    if (!ret->look)
        ret->look = g_steal_pointer(&earlier);
}

void vm_read_condition(
        VMStore *store, uid_t owner, const char *id, const Pin *pin, KnownCertificates *known,
        VMCondition *condition) {
    const gint64 begun = g_get_monotonic_time();
    g_auto(FileFd) dir = open_directory(store, owner, id);
    g_autoptr(VMLook) before = g_steal_pointer(&condition->look);

    read_condition(store, begun, dir, owner, id, pin, known, before, condition, NULL);
}

/* A file that has not changed has the format and the size that it had. It does not matter for State
 * whether a guest has opened it, if its owner is right. */
static gboolean has_state_of(
        const VMCondition *condition, VMStoreWalk *walk, const char *id, const Pin *pin,
        const KnownCertificates *known) {
    struct stat st;

    if (condition->nvram_fault || !pin->has_nvram)
        return !condition->nvram_fault;
    return condition->look && vmstore_walk_stat_nvram(walk, id, pin->nvram_format, &st) >= 0 &&
            vm_look_is_current(condition->look, known, &st) && st.st_uid == walk->uid;
}

gboolean vm_read_state(
        VMStoreWalk *walk, uid_t owner, const char *id, const Pin *pin, KnownCertificates *known,
        VMCondition *condition) {
    vmstore_walk_to(walk, owner);
    if (has_state_of(condition, walk, id, pin, known))
        return FALSE;
    vm_read_condition(walk->store, owner, id, pin, known, condition);
    return TRUE;
}

void vm_read_result(const VMOp *op, VMResult *result) {
    const Pin *pin = result->pin ? result->pin : op->pin;
    const char *id = op->new_id ? op->new_id : op->id;
    const gint64 begun = g_get_monotonic_time();
    g_auto(FileFd) dir = FILE_FD_NONE;

    if (!pin || result->is_read)
        return;
    dir = open_directory(op->store, op->new_owner, id);
    read_condition(
            op->store, begun, dir, op->new_owner, id, pin, op->catalog->known, op->look,
            &result->condition, &result->size);
    result->last_prepared = vmstore_get_last_prepared(dir);
}

const char *vm_get_state(guint differences, const VMCondition *condition) {
    if (differences & VM_DIFFERENCE_GONE)
        return "firmware-gone";
    if (condition->nvram_fault)
        return condition->nvram_fault;
    return differences ? "changed" : "ready";
}
