/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/vmdraft.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/privilege.h"
#include "vm/vmdir.h"
#include "vm/vmfiles.h"
#include "vm/vmstore-internal.h"

struct VMDraft {
    VMStore *store;
    Commit *commit; /* or NULL */
    uid_t uid;
    FileFd owner; /* STATE/vms/UID */
    char *name;   /* below it; NULL: published */
    FileFd fd;
    gboolean has_replaced; /* FD is the VM's directory, and NAME its old one */
    GString *moves;        /* of a store of one VM: see vmdir_publish() */
};

static gboolean draft_failed(const VMDraft *draft, GError **error, int r, const char *name) {
    return vmstore_failed(
            error, r, "%s/vms/%u: %s", draft->store->directory, (unsigned)draft->uid, name);
}

VMDraft *vmdraft_new(VMStore *store, uid_t uid, Commit *commit, GError **error) {
    PRIVILEGE_SCOPE(scope);
    g_autoptr(VMDraft) draft = g_new0(VMDraft, 1);
    g_autofree char *name = vmstore_make_draft_name(store);
    int r;

    draft->store = store;
    draft->commit = commit;
    draft->uid = uid;
    draft->owner = FILE_FD_NONE;
    draft->fd = FILE_FD_NONE;
    draft->moves = g_string_new(NULL);

    r = vmstore_open_owner(store, uid, TRUE, &draft->owner);
    if (r >= 0 && mkdirat(draft->owner, name, 0700) < 0)
        r = -errno;
    if (r >= 0) {
        draft->name = g_strdup(name);
        r = vmstore_open_directory(draft->owner, name, &draft->fd);
    }
    if (r >= 0 && fchmod(draft->fd, VMSTORE_DIRECTORY_MODE) < 0)
        r = -errno;
    if (r < 0) {
        (void)draft_failed(draft, error, r, name);
        return NULL;
    }
    return g_steal_pointer(&draft);
}

void vmdraft_free(VMDraft *draft) {
    if (!draft)
        return;

    if (draft->name)
        vmfiles_remove_tree(
                draft->owner, draft->name, draft->has_replaced ? draft->fd : FILE_FD_NONE);
    file_fd_close(draft->fd);
    file_fd_close(draft->owner);
    g_free(draft->name);
    g_string_free(draft->moves, TRUE);
    g_free(draft);
}

int vmdraft_get_fd(const VMDraft *draft) {
    return draft->fd;
}

gboolean vmdraft_create(VMDraft *draft, const char *name, FileFd *ret, GError **error) {
    PRIVILEGE_SCOPE(scope);

    *ret = openat(draft->fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return *ret >= 0 || draft_failed(draft, error, -errno, name);
}

gboolean vmdraft_add_lock(VMDraft *draft, GError **error) {
    g_auto(FileFd) fd = FILE_FD_NONE;

    return draft->store->lone >= 0 || vmdraft_create(draft, VMSTORE_LOCK_NAME, &fd, error);
}

void vmdraft_discard(VMDraft *draft, const char *name) {
    PRIVILEGE_SCOPE(scope);

    (void)unlinkat(draft->fd, name, 0);
}

static int rename_in_draft(const VMDraft *draft, const char *name, const char *new_name) {
    PRIVILEGE_SCOPE(scope);

    if (g_str_equal(name, new_name))
        return 0;
    return vmfiles_rename_new(draft->fd, name, draft->fd, new_name);
}

gboolean vmdraft_give(VMDraft *draft, const char *name, const char *final_name, GError **error) {
    gid_t gid = vmfiles_get_group(draft->uid);
    g_auto(FileFd) fd = FILE_FD_NONE;
    int r;

    r = vmstore_open_owned(draft->fd, name, O_RDWR, &fd);
    if (r >= 0)
        r = vmfiles_give(fd, draft->uid, gid);
    if (r >= 0)
        r = rename_in_draft(draft, name, final_name);
    return r >= 0 || draft_failed(draft, error, r, final_name);
}

/* fs.protected_hardlinks allows links to regular files that the thread may read and write and that
 * are not setuid. */
static int link_file(int dir_fd, const char *name, int new_dir_fd, const char *new_name) {
    PRIVILEGE_SCOPE(scope);

    return linkat(dir_fd, name, new_dir_fd, new_name, 0) < 0 ? -errno : 0;
}

/* Links a file of the owner, who may have made it setuid. */
static int link_owned(int dir_fd, const char *name, int new_dir_fd, const char *new_name) {
    g_auto(FileFd) fd = FILE_FD_NONE;
    int r = link_file(dir_fd, name, new_dir_fd, new_name);

    if (r != -EPERM || vmstore_open_owned(dir_fd, name, O_RDWR, &fd) < 0 ||
        vmfiles_drop_set_id(fd) <= 0)
        return r;
    return link_file(dir_fd, name, new_dir_fd, new_name);
}

/* Ignores a file that cannot be opened: it is not regular, or somebody has a lease of fcntl(2) on
 * it. */
static int sync_file(int dir_fd, const char *name) {
    g_auto(FileFd) fd = FILE_FD_NONE;
    int r;

    r = vmstore_open_owned(dir_fd, name, O_RDONLY, &fd);
    if (r < 0)
        return file_is_at_fault(r) ? 0 : r;
    return fsync(fd) < 0 ? -errno : 0;
}

/* Of a store of one VM: the file is moved when the change is committed. */
static gboolean keep_in_place(
        VMDraft *draft, int vm_dir_fd, const char *name, const char *new_name, GError **error) {
    struct stat st;
    int r;

    if (fstatat(vm_dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT || draft_failed(draft, error, -errno, name);
    g_string_append_printf(draft->moves, "%s\t%s\n", name, new_name);
    r = g_str_equal(name, new_name) ? 0 : sync_file(vm_dir_fd, name);
    return r >= 0 || draft_failed(draft, error, r, name);
}

gboolean vmdraft_keep(
        VMDraft *draft, int vm_dir_fd, const char *name, const char *new_name, GError **error) {
    int r;

    if (draft->store->lone >= 0)
        return keep_in_place(draft, vm_dir_fd, name, new_name, error);
    r = link_owned(vm_dir_fd, name, draft->fd, new_name);

    if (r == -EPERM || r == -EMLINK) {
        /* No copy: a guest that has the file open would go on writing to the old one. */
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_VM_CONFLICT, "%s: it cannot be linked: %s",
                name, g_strerror(-r));
        return FALSE;
    }

    /* Sync the last writes of the guest to a backup; a file that keeps its name risks no more than
     * before. */
    if (r >= 0 && !g_str_equal(name, new_name))
        r = sync_file(draft->fd, new_name);
    return r >= 0 || r == -ENOENT || draft_failed(draft, error, r, name);
}

gboolean vmdraft_write_pin(VMDraft *draft, const Pin *pin, GError **error) {
    g_auto(FileFd) fd = FILE_FD_NONE;
    g_autofree char *json = pin_to_json(pin);
    g_autoptr(GBytes) bytes = NULL;
    g_autoptr(Pin) again = NULL;
    gsize length = strlen(json);
    int r;

    /* A record that cannot be read back must not be published. */
    bytes = g_bytes_new_static(json, length);
    again = pin_from_json(bytes, NULL, error);
    if (!again)
        return FALSE;
    if (length > PIN_MAX_SIZE)
        return draft_failed(draft, error, -EFBIG, VMSTORE_PIN_NAME);
    if (!vmdraft_create(draft, VMSTORE_PIN_NAME, &fd, error))
        return FALSE;

    r = file_write_all(fd, json, length);
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    return r == 0 || draft_failed(draft, error, r, VMSTORE_PIN_NAME);
}

static gboolean publish(VMDraft *draft, const char *id, unsigned flags, GError **error) {
    PRIVILEGE_SCOPE(scope);
    int r;

    /* An existing VM keeps its lock file and with it a lease; a new one gets one. */
    r = vmstore_make_lock(draft->fd);
    if (r >= 0 && !commit_begin(draft->commit))
        r = -ECANCELED;
    if (r >= 0 && renameat2(draft->owner, draft->name, draft->owner, id, flags) < 0)
        r = -errno;
    if (r == -EEXIST)
        return vmstore_exists_already(error, id);
    if (r < 0)
        return draft_failed(draft, error, r, id);

    if (fsync(draft->owner) < 0) {
        r = -errno;
        /* Undo the change: it may not outlast a power failure. Where that fails as well, the
         * staging directory may hold the old state of the VM. It stays until the next start, which
         * sweeps it if every record of the owner can be read: the directory under the id was synced
         * as a whole. */
        if (renameat2(draft->owner, id, draft->owner, draft->name, flags) < 0)
            g_clear_pointer(&draft->name, g_free);
        return draft_failed(draft, error, r, id);
    }
    return TRUE;
}

/* Of a store of one VM. */
static gboolean publish_lone(VMDraft *draft, gboolean is_new, GError **error) {
    if (!vmdir_publish(draft->store, draft->fd, draft->name, draft->moves->str, is_new, error))
        return FALSE;
    g_clear_pointer(&draft->name, g_free);
    /* the staging directory is gone */
    file_fd_close(draft->fd);
    draft->fd = FILE_FD_NONE;
    (void)vmstore_open_directory(draft->store->lone, ".", &draft->fd);
    return TRUE;
}

gboolean vmdraft_publish(VMDraft *draft, const char *id, GError **error) {
    if (draft->store->lone >= 0)
        return publish_lone(draft, TRUE, error);
    if (!publish(draft, id, RENAME_NOREPLACE, error))
        return FALSE;

    g_clear_pointer(&draft->name, g_free);
    return TRUE;
}

typedef struct Carrying {
    VMDraft *draft;
    const char *id;
    GError **error;
} Carrying;

static void carry_failed(const Carrying *carrying, const char *name, int r) {
    const VMDraft *draft = carrying->draft;
    g_autofree char *path = vmstore_path(draft->store, draft->uid, carrying->id, name);

    if (r == -EPERM || r == -EMLINK || r == -EEXIST)
        g_set_error(
                carrying->error, FIRMWARE_ERROR, FIRMWARE_ERROR_VM_CONFLICT,
                "VM %s: %s is foreign: the service did not make it, and cannot link it: %s",
                carrying->id, path, g_strerror(-r));
    else
        (void)vmstore_failed(carrying->error, r, "%s", path);
}

static int carry_along(int dir_fd, const VMFile *file, gpointer userdata) {
    const Carrying *carrying = userdata;
    int r;

    if (file->is_own)
        return 0;
    r = link_file(dir_fd, file->name, carrying->draft->fd, file->name);
    if (r == 0 || r == -ENOENT)
        return 0;
    carry_failed(carrying, file->name, r);
    return 1;
}

static gboolean carry_foreign_files(
        VMDraft *draft, int vm_dir_fd, const char *id, const Pin *pin, GError **error) {
    Carrying carrying = {.draft = draft, .id = id, .error = error};
    int r = vmfiles_visit(vm_dir_fd, pin, carry_along, &carrying);

    return r == 0 || (r < 0 && draft_failed(draft, error, r, id));
}

gboolean vmdraft_replace(
        VMDraft *draft, int vm_dir_fd, const char *id, const Pin *pin, GError **error) {
    int r;

    if (draft->store->lone >= 0)
        return publish_lone(draft, FALSE, error);
    /* The lease is on the inode: a copy of the lock file would be another lease. */
    r = link_file(vm_dir_fd, VMSTORE_LOCK_NAME, draft->fd, VMSTORE_LOCK_NAME);

    if (r < 0 && r != -ENOENT)
        return draft_failed(draft, error, r, VMSTORE_LOCK_NAME);
    if (!carry_foreign_files(draft, vm_dir_fd, id, pin, error) ||
        !publish(draft, id, RENAME_EXCHANGE, error))
        return FALSE;
    draft->has_replaced = TRUE;
    return TRUE;
}
