/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/vm-owner.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/privilege.h"
#include "vm/vm-lock.h"
#include "vm/vmfiles.h"
#include "vm/vmstore-internal.h"

typedef struct GiveBack {
    VMStore *store;
    uid_t former; /* of the service that used the directory before */
    uid_t owner;
    const char *owner_name;
    gid_t group;
    const char *id;
    GError *error; /* the first */
    gboolean is_incomplete;
} GiveBack;

/* NAMES: the path below the state directory, up to NULL. */
static void failed(GiveBack *give, int r, const char *const *names) {
    g_autofree char *below = g_build_filenamev((char **)names);

    give->is_incomplete = TRUE;
    if (!give->error)
        (void)vmstore_failed(&give->error, r, "%s/%s", give->store->directory, below);
}

/* -- one VM ------------------------------------------------------------------------------ */

uid_t vm_owner_get_former(const VMStore *store) {
    struct stat st;

    return fstat(store->vms, &st) < 0 ? geteuid() : st.st_uid;
}

static uid_t get_right_owner(const VMFile *file, uid_t owner) {
    gboolean is_services = file->is_own &&
            (g_str_equal(file->name, VMSTORE_PIN_NAME) ||
             g_str_equal(file->name, VMSTORE_BACKUP_LIST_NAME) ||
             g_str_equal(file->name, VMSTORE_LOCK_NAME));

    return is_services ? geteuid() : owner;
}

gboolean vm_owner_is_misplaced(const VMFile *file, uid_t owner, uid_t former) {
    uid_t uid = file->st.st_uid;

    if (!S_ISREG(file->st.st_mode) || uid == get_right_owner(file, owner))
        return FALSE;
    /* A foreign file of root's may always have been root's: libvirtd creates such files. */
    return (uid == geteuid() || uid == former) && (file->is_own || uid != 0);
}

static int is_misplaced(int dir_fd, const VMFile *file, gpointer userdata) {
    const GiveBack *give = userdata;

    return vm_owner_is_misplaced(file, give->owner, give->former);
}

static int change_owner(int fd, uid_t uid, gid_t gid) {
    PRIVILEGE_SCOPE(scope);

    return fchown(fd, uid, gid) < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* The service may change the mode of its own files only. */
static int take_over(int fd, mode_t mode) {
    PRIVILEGE_SCOPE(scope);
    int r = change_owner(fd, geteuid(), getegid());

    if (r < 0)
        return r;
    return fchmod(fd, mode) < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int give_file(const GiveBack *give, int dir_fd, const VMFile *file) {
    uid_t owner = get_right_owner(file, give->owner);
    g_auto(FileFd) fd = FILE_FD_NONE;
    struct stat st;
    int r;

    r = vmstore_open_owned(dir_fd, file->name, O_RDWR, &fd);
    if (r >= 0)
        r = vmfiles_drop_set_id(fd);
    if (r < 0)
        return r;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (st.st_ino != file->st.st_ino || st.st_uid != file->st.st_uid)
        return -EAGAIN; /* another process has replaced it */

    if (!file->is_own)
        return change_owner(fd, owner, give->group);
    r = take_over(fd, 0600);
    if (r < 0 || owner == geteuid())
        return r;
    return vmfiles_give(fd, owner, give->group);
}

static int give_if_misplaced(int dir_fd, const VMFile *file, gpointer userdata) {
    GiveBack *give = userdata;
    int r = vm_owner_is_misplaced(file, give->owner, give->former) ? give_file(give, dir_fd, file)
                                                                   : 0;

    if (r < 0)
        failed(give, r, (const char *[]){"vms", give->owner_name, give->id, file->name, NULL});
    return 0;
}

/* R: of a visit to the VM's directory, or to that of its owner. */
static void check_visit(GiveBack *give, int r) {
    if (r < 0)
        failed(give, r, (const char *[]){"vms", give->owner_name, give->id, NULL});
}

static void give_back_vm(GiveBack *give, int dir_fd) {
    const VMOp op = {.store = give->store, .owner = give->owner, .id = (char *)give->id};
    g_auto(VMLock) lock = VM_LOCK_INIT;

    if (vmfiles_visit(dir_fd, NULL, is_misplaced, give) == 0)
        return;
    if (!vm_lock(&op, &lock, NULL)) {
        give->is_incomplete = TRUE; /* it is in use */
        return;
    }
    check_visit(give, vmfiles_visit(dir_fd, NULL, give_if_misplaced, give));
}

/* -- directories ------------------------------------------------------------------------- */

static void take_over_if_former(GiveBack *give, int fd, mode_t mode, const char *const *names) {
    struct stat st;
    int r = 0;

    if (fstat(fd, &st) < 0)
        r = -errno;
    else if (st.st_uid == give->former && st.st_uid != geteuid())
        r = take_over(fd, mode);
    if (r < 0)
        failed(give, r, names);
}

static gboolean open_listed(GiveBack *give, int dir_fd, const char *name, FileFd *ret) {
    int r = vmstore_open_directory(dir_fd, name, ret);

    if (!vmstore_is_no_directory(r))
        check_visit(give, r);
    return r >= 0;
}

static int visit_vm(int owner_fd, const VMFile *file, gpointer userdata) {
    GiveBack *give = userdata;
    g_auto(FileFd) dir = FILE_FD_NONE;

    if (!vmstore_is_id(file->name))
        return 0;
    give->id = file->name;
    if (!open_listed(give, owner_fd, file->name, &dir))
        return 0;
    take_over_if_former(
            give, dir, VMSTORE_DIRECTORY_MODE,
            (const char *[]){"vms", give->owner_name, file->name, NULL});
    give_back_vm(give, dir);
    return 0;
}

static int visit_owner(int vms_fd, const VMFile *file, gpointer userdata) {
    GiveBack *give = userdata;
    g_auto(FileFd) owner = FILE_FD_NONE;
    int r;

    if (!vmstore_parse_owner(file->name, &give->owner))
        return 0;
    give->owner_name = file->name;
    give->id = NULL;
    if (!open_listed(give, vms_fd, file->name, &owner))
        return 0;
    give->group = vmfiles_get_group(give->owner);
    take_over_if_former(
            give, owner, VMSTORE_DIRECTORY_MODE, (const char *[]){"vms", file->name, NULL});
    r = vmfiles_visit_names(owner, visit_vm, give);
    give->id = NULL;
    check_visit(give, r);
    return 0;
}

gboolean vm_owner_give_back(VMStore *store, GError **error) {
    GiveBack give = {.store = store, .former = vm_owner_get_former(store)};
    int r;

    r = vmfiles_visit_names(store->vms, visit_owner, &give);
    if (r < 0)
        return vmstore_failed(error, r, "%s/vms", store->directory);
    take_over_if_former(&give, store->lock, 0600, (const char *[]){VMSTORE_LOCK_NAME, NULL});
    if (!give.is_incomplete)
        take_over_if_former(
                &give, store->vms, VMSTORE_DIRECTORY_MODE, (const char *[]){"vms", NULL});
    if (give.error) {
        g_propagate_error(error, give.error);
        return FALSE;
    }
    return TRUE;
}
