/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/vm-condition.h"

#include "base/error.h"
#include "vm/vm-lock.h"
#include "vm/vm-nvram.h"

static const char *get_nvram_fault(
        const VMStore *store, uid_t owner, const char *id, const Pin *pin, FileFd *ret_fd) {
    g_autoptr(GError) error = NULL;

    if (!pin->has_nvram || vm_nvram_open_to_read(store, owner, id, pin, ret_fd, &error))
        return NULL;
    if (g_error_matches(error, FIRMWARE_ERROR, FIRMWARE_ERROR_NVRAM_MISMATCH) ||
        g_error_matches(error, FIRMWARE_ERROR, FIRMWARE_ERROR_IMAGE_UNUSABLE))
        return "nvram-mismatch";
    /* a file lease hides the content, and makes it no worse */
    if (g_error_matches(error, FIRMWARE_ERROR, FIRMWARE_ERROR_NVRAM_IN_USE))
        return NULL;
    return "nvram-missing";
}

static gboolean is_owners(int fd, uid_t owner) {
    struct stat st;

    return fstat(fd, &st) < 0 || st.st_uid == owner;
}

void vm_read_condition(
        VMStore *store, uid_t owner, const char *id, const Pin *pin, KnownCertificates *known,
        VMLook *before, VMCondition *ret) {
    g_auto(FileFd) fd = FILE_FD_NONE;
    g_autoptr(VMLook) earlier = ret->look;
    g_autoptr(VMLook) look = NULL;

    *ret = (VMCondition){.nvram_fault = get_nvram_fault(store, owner, id, pin, &fd)};
    if (fd >= 0)
        look = vm_look_new(fd, pin->nvram_format, known, earlier ? earlier : before);
    /* after the look: a guest may have been writing, or have begun to */
    ret->is_in_use = vm_is_in_use(store, owner, id);
    if (ret->is_in_use && fd >= 0) {
        ret->watch = vmstore_watch(store, fd);
        /* its use may have ended before the watch began */
        ret->is_in_use = vm_is_in_use(store, owner, id);
    }
    if (look && !ret->is_in_use && vm_look_is_of(look, fd))
        ret->look = g_steal_pointer(&look);
    else
        ret->look = g_steal_pointer(&earlier);
    /* libvirt changes the owner while a guest runs */
    if (fd >= 0 && !ret->is_in_use && !is_owners(fd, owner))
        ret->nvram_fault = "nvram-owner";
}

const char *vm_get_state(guint differences, const VMCondition *condition) {
    if (differences & VM_DIFFERENCE_GONE)
        return "firmware-gone";
    if (condition->nvram_fault)
        return condition->nvram_fault;
    return differences ? "changed" : "ready";
}
