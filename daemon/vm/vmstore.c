/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/vmstore.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/error.h"
#include "base/privilege.h"
#include "base/text.h"
#include "vm/pin-reader.h"
#include "vm/vmdir.h"
#include "vm/vmfiles.h"
#include "vm/vmstore-internal.h"

G_GNUC_PRINTF(3, 4)
gboolean vmstore_failed(GError **error, int r, const char *format, ...) {
    g_autofree char *what = NULL;
    va_list args;

    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    return firmware_error_set_io(error, what, r);
}

int vmstore_open_directory(int dir_fd, const char *name, FileFd *ret) {
    PRIVILEGE_SCOPE(scope);

    *ret = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return *ret < 0 ? -errno : 0;
}

gboolean vmstore_is_no_directory(int error) {
    return error == -ENOENT || error == -ENOTDIR || error == -ELOOP;
}

/* Opens a directory, and creates it if there is none. */
static int make_directory(int dir_fd, const char *name, FileFd *ret) {
    PRIVILEGE_SCOPE(scope);
    struct stat st;
    int r;

    if (mkdirat(dir_fd, name, 0700) < 0 && errno != EEXIST)
        return -errno;
    r = vmstore_open_directory(dir_fd, name, ret);
    if (r < 0)
        return r;

    /* Set the mode whatever the umask is, also where a crash came before. */
    if (fstat(*ret, &st) < 0)
        return -errno;
    /* What another uid owns is taken over later (vm/vm-owner.h), and with it the mode is set. */
    if ((st.st_mode & 07777) == VMSTORE_DIRECTORY_MODE || st.st_uid != geteuid())
        return 0;
    /* The mode last: it marks the name as synced. */
    if (fsync(dir_fd) < 0 || fchmod(*ret, VMSTORE_DIRECTORY_MODE) < 0 || fsync(*ret) < 0)
        return -errno;
    return 0;
}

gboolean vmstore_exists_already(GError **error, const char *id) {
    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_VM_EXISTS,
            "the owner has a VM \"%s\" already, or a directory of this name whose record cannot be "
            "read: see the service's log",
            id);
    return FALSE;
}

char *vmstore_make_draft_name(const VMStore *store) {
    return g_strdup_printf(
            "%s%08x%08x", store->lone >= 0 ? VMSTORE_LONE_DRAFT_PREFIX : VMSTORE_DRAFT_PREFIX,
            g_random_int(), g_random_int());
}

int vmstore_open_owner(const VMStore *store, uid_t uid, gboolean make, FileFd *ret) {
    g_autofree char *name = g_strdup_printf("%u", (unsigned)uid);

    if (store->lone >= 0)
        return vmstore_open_directory(store->lone, ".", ret);
    return make ? make_directory(store->vms, name, ret)
                : vmstore_open_directory(store->vms, name, ret);
}

/* -- the store --------------------------------------------------------------------------- */

/* Creates PATH with its parents, and syncs the directory of each new name. Returns 1, or 0 where it
 * was there. */
static int make_with_parents(const char *path) {
    g_autofree char *parent = g_path_get_dirname(path);
    g_auto(FileFd) fd = FILE_FD_NONE;
    int r;

    if (mkdir(path, VMSTORE_DIRECTORY_MODE) < 0) {
        if (errno == EEXIST)
            return 0;
        if (errno != ENOENT)
            return -errno;
        r = make_with_parents(parent);
        if (r < 0)
            return r;
        if (mkdir(path, VMSTORE_DIRECTORY_MODE) < 0)
            return errno == EEXIST ? 0 : -errno;
    }
    fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || fsync(fd) < 0 ? -errno : 1;
}

static int open_store(VMStore *store) {
    PRIVILEGE_SCOPE(scope);
    g_auto(FileFd) state = FILE_FD_NONE;
    gboolean is_new;
    int r;

    r = make_with_parents(store->directory);
    if (r < 0)
        return r;
    is_new = r > 0;
    state = open(store->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (state < 0)
        return -errno;

    /* The QEMU of an owner passes through a new directory whatever the umask is. An existing one
     * keeps the mode that its administrator set. */
    if (is_new && fchmod(state, VMSTORE_DIRECTORY_MODE) < 0)
        return -errno;

    store->lock = openat(state, VMSTORE_LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (store->lock < 0)
        return -errno;
    if (flock(store->lock, LOCK_EX | LOCK_NB) < 0)
        return -errno;

    r = make_directory(state, "vms", &store->vms);
    if (r < 0)
        return r;
    return fsync(state) < 0 ? -errno : 0;
}

VMStore *vmstore_new(const char *directory) {
    VMStore *store = g_new0(VMStore, 1);

    store->directory = g_strdup(directory);
    store->vms = FILE_FD_NONE;
    store->lock = FILE_FD_NONE;
    store->watch = FILE_FD_NONE;
    store->lone = FILE_FD_NONE;
    g_mutex_init(&store->lease_mutex);
    g_mutex_init(&store->walk_mutex);
    store->walked = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    return store;
}

VMStore *vmstore_open(const char *directory, GError **error) {
    g_autoptr(VMStore) store = vmstore_new(directory);
    int r;

    r = open_store(store);
    if (r == -EWOULDBLOCK) {
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_LIMITS_EXCEEDED,
                "another service has the state directory %s", directory);
        return NULL;
    }
    if (r < 0) {
        (void)vmstore_failed(error, r, "state directory %s", directory);
        return NULL;
    }
    store->watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    return g_steal_pointer(&store);
}

void vmstore_free(VMStore *store) {
    if (!store)
        return;

    file_fd_close(store->vms);
    file_fd_close(store->lock);
    file_fd_close(store->watch);
    file_fd_close(store->lone);
    /* of a call that failed: it is empty */
    if (store->is_made)
        (void)rmdir(store->directory);
    g_mutex_clear(&store->lease_mutex);
    g_mutex_clear(&store->walk_mutex);
    g_hash_table_unref(store->walked);
    g_free(store->directory);
    g_free(store);
}

gboolean vmstore_is_id(const char *id) {
    gsize length = strlen(id);

    if (length < 1 || length > VMSTORE_MAX_ID || id[0] == '.' || !text_is_valid(id))
        return FALSE;

    for (const char *p = id; *p; p = g_utf8_next_char(p))
        if (*p == '/' || g_unichar_iscntrl(g_utf8_get_char(p)))
            return FALSE;
    return TRUE;
}

char *vmstore_path(const VMStore *store, uid_t uid, const char *id, const char *file) {
    if (store->lone >= 0)
        return g_build_filename(store->directory, file, NULL);
    return g_strdup_printf("%s/vms/%u/%s/%s", store->directory, (unsigned)uid, id, file);
}

gboolean vmstore_parse_owner(const char *name, uid_t *ret) {
    guint64 uid;

    if (!g_ascii_string_to_unsigned(name, 10, 0, G_MAXUINT32 - 1, &uid, NULL))
        return FALSE;
    *ret = (uid_t)uid;
    return TRUE;
}

gboolean vmstore_parse_path(const VMStore *store, const char *path, uid_t *ret_uid, char **ret_id) {
    g_autofree char *prefix = g_strconcat(store->directory, "/vms/", NULL);
    g_auto(GStrv) parts = NULL;

    if (!g_str_has_prefix(path, prefix))
        return FALSE;
    parts = g_strsplit(path + strlen(prefix), "/", -1);
    /* UID, ID, FILE */
    if (g_strv_length(parts) != 3 || !vmstore_parse_owner(parts[0], ret_uid))
        return FALSE;
    *ret_id = g_strdup(parts[1]);
    return TRUE;
}

char *vmstore_nvram_name(ImageFormat format) {
    return g_strconcat(VMSTORE_NVRAM_PREFIX, image_format_to_string(format), NULL);
}

char *vmstore_backup_name(guint32 serial, ImageFormat format) {
    return g_strdup_printf(
            VMSTORE_BACKUP_PREFIX "%u.%s", (unsigned)serial, image_format_to_string(format));
}

char *vmstore_nvram_path(const VMStore *store, uid_t uid, const char *id, ImageFormat format) {
    g_autofree char *name = vmstore_nvram_name(format);

    return vmstore_path(store, uid, id, name);
}

int vmstore_open_vm(const VMStore *store, uid_t uid, const char *id, FileFd *ret) {
    PRIVILEGE_SCOPE(scope);
    g_auto(FileFd) owner = FILE_FD_NONE;
    struct stat st;
    int r;

    r = vmstore_open_owner(store, uid, FALSE, &owner);
    if (r < 0)
        return r;
    if (store->lone < 0)
        return vmstore_open_directory(owner, id, ret);
    if (fstatat(owner, VMSTORE_PIN_NAME, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    *ret = owner;
    owner = FILE_FD_NONE;
    return 0;
}

/* In one scope: each costs system calls. */
int vmstore_open_vm_and_nvram(
        const VMStore *store, uid_t uid, const char *id, ImageFormat format, FileFd *ret_dir,
        FileFd *ret) {
    PRIVILEGE_SCOPE(scope);
    g_autofree char *name = vmstore_nvram_name(format);
    int r = vmstore_open_vm(store, uid, id, ret_dir);

    return r < 0 ? r : vmstore_open_owned(*ret_dir, name, O_RDONLY, ret);
}

/* -- loading ----------------------------------------------------------------------------- */

static int read_record(int dir_fd, GBytes **ret) {
    g_auto(FileFd) fd = FILE_FD_NONE;
    int r = vmstore_open_owned(dir_fd, VMSTORE_PIN_NAME, O_RDONLY, &fd);

    return r < 0 ? r : file_read_all(fd, PIN_MAX_SIZE, ret);
}

Pin *vmstore_read_pin(int dir_fd, GError **error) {
    g_autoptr(GBytes) json = NULL;
    int r = read_record(dir_fd, &json);

    if (r >= 0)
        return pin_from_json(json, NULL, error);
    (void)vmstore_failed(error, r, "%s", VMSTORE_PIN_NAME);
    return NULL;
}

/* In one scope: each costs system calls. */
static int open_and_read(int owner_fd, const char *id, FileFd *ret_dir, GBytes **ret) {
    PRIVILEGE_SCOPE(scope);
    int r = vmstore_open_directory(owner_fd, id, ret_dir);

    return r < 0 ? r : read_record(*ret_dir, ret);
}

typedef struct Loading {
    const VMStore *store;
    VMVisit visit;
    gpointer userdata;
    uid_t uid;
    PinReader *reader;
    gboolean is_faulty;  /* a record of the owner cannot be read */
    gboolean has_drafts; /* of the owner, which a crash has left */
} Loading;

static int load_vm(int owner_fd, const VMFile *file, gpointer userdata) {
    Loading *loading = userdata;
    g_auto(FileFd) dir = FILE_FD_NONE;
    g_autoptr(GBytes) json = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(Pin) pin = NULL;
    int r;

    loading->has_drafts |= g_str_has_prefix(file->name, VMSTORE_DRAFT_PREFIX);
    if (!vmstore_is_id(file->name))
        return 0;
    r = open_and_read(owner_fd, file->name, &dir, &json);
    if (r < 0)
        (void)vmstore_failed(&error, r, "%s", VMSTORE_PIN_NAME);
    else
        pin = pin_reader_read(loading->reader, json, &error);
    loading->is_faulty |= pin == NULL;
    loading->visit(
            loading->uid, file->name, dir, pin, error ? error->message : NULL, loading->userdata);
    return 0;
}

static int sweep(int owner_fd, const VMFile *file, gpointer userdata) {
    if (g_str_has_prefix(file->name, VMSTORE_DRAFT_PREFIX))
        vmfiles_remove_tree(owner_fd, file->name, FILE_FD_NONE);
    return 0;
}

/* A directory that cannot be read concerns its owner alone. */
static int load_owner(int vms_fd, const VMFile *file, gpointer userdata) {
    g_auto(FileFd) owner = FILE_FD_NONE;
    g_autoptr(GError) error = NULL;
    Loading loading = *(const Loading *)userdata;
    int r;

    if (!vmstore_parse_owner(file->name, &loading.uid))
        return 0;
    r = vmstore_open_directory(vms_fd, file->name, &owner);
    if (vmstore_is_no_directory(r))
        return 0;
    if (r >= 0)
        r = vmfiles_visit_names(owner, load_vm, &loading);
    if (r < 0 && !file_is_at_fault(r))
        return r;
    if (r < 0) {
        (void)vmstore_failed(&error, r, "%s/vms/%s", loading.store->directory, file->name);
        loading.visit(loading.uid, NULL, FILE_FD_NONE, NULL, error->message, loading.userdata);
    } else if (loading.has_drafts && !loading.is_faulty)
        (void)vmfiles_visit_names(owner, sweep, NULL);
    return 0;
}

gboolean vmstore_load(VMStore *store, VMVisit visit, gpointer userdata, GError **error) {
    g_autoptr(PinReader) reader = pin_reader_new();
    Loading loading = {.store = store, .visit = visit, .userdata = userdata, .reader = reader};
    int r;

    r = vmfiles_visit_names(store->vms, load_owner, &loading);
    return r >= 0 || vmstore_failed(error, r, "%s/vms", store->directory);
}

/* -- one VM ------------------------------------------------------------------------------ */

int vmstore_open_owned(int dir_fd, const char *name, int flags, FileFd *ret) {
    PRIVILEGE_SCOPE(scope);

    return file_open(dir_fd, name, flags | O_NOFOLLOW, ret, NULL);
}

static int add_size(int dir_fd, const VMFile *file, gpointer userdata) {
    vmfiles_add_size(file, userdata);
    return 0;
}

guint64 vmstore_get_size(int dir_fd) {
    guint64 size = 0;

    (void)vmfiles_visit(dir_fd, NULL, add_size, &size);
    return size;
}

static gboolean has_no_foreign_file(
        const VMStore *store, uid_t uid, const char *id, int dir_fd, const Pin *pin,
        GError **error) {
    g_autofree char *name = NULL;
    g_autofree char *path = NULL;
    int r = vmfiles_find_foreign(dir_fd, pin, &name);

    if (r < 0)
        return vmstore_failed(error, r, "VM %s", id);
    if (!name)
        return TRUE;
    path = vmstore_path(store, uid, id, name);
    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_VM_CONFLICT,
            "VM %s: %s is foreign: the service did not make it", id, path);
    return FALSE;
}

/* Renames the VM's directory back. Under the name of a staging directory it would be swept. */
static gboolean undo_rename(
        const VMStore *store, uid_t uid, const char *id, int owner_fd, const char *new_name,
        GError **error) {
    g_autofree char *path = vmstore_path(store, uid, new_name, "");

    if (renameat2(owner_fd, new_name, owner_fd, id, RENAME_NOREPLACE) == 0 && fsync(owner_fd) == 0)
        return TRUE;
    return vmstore_failed(
            error, -errno, "VM %s: its directory may have become %s, and is to be renamed back", id,
            path);
}

/* Renames the VM's directory, unless it has foreign files. */
static gboolean rename_vm(
        const VMStore *store, uid_t uid, const char *id, const Pin *pin, int owner_fd,
        const char *new_name, Commit *commit, GError **error) {
    PRIVILEGE_SCOPE(scope);
    g_auto(FileFd) dir = FILE_FD_NONE;
    g_autoptr(GError) reason = NULL;
    int r;

    r = vmstore_open_directory(owner_fd, id, &dir);
    if (r < 0)
        return vmstore_failed(error, r, "VM %s", id);
    if (!has_no_foreign_file(store, uid, id, dir, pin, error))
        return FALSE;
    if (!commit_begin(commit))
        return vmstore_failed(error, -ECANCELED, "VM %s", id);
    if (renameat2(owner_fd, id, owner_fd, new_name, RENAME_NOREPLACE) < 0)
        return errno == EEXIST ? vmstore_exists_already(error, new_name)
                               : vmstore_failed(error, -errno, "VM %s", id);

    r = fsync(owner_fd) < 0 ? -errno : 0;
    /* Again, because nobody could find the directory's old name any more: a file may have appeared
     * before the rename. */
    if (r < 0)
        (void)vmstore_failed(&reason, r, "VM %s", id);
    else if (has_no_foreign_file(store, uid, id, dir, pin, &reason))
        return TRUE;
    if (undo_rename(store, uid, id, owner_fd, new_name, error))
        g_propagate_error(error, g_steal_pointer(&reason));
    return FALSE;
}

gboolean vmstore_remove(
        VMStore *store, uid_t uid, const char *id, const Pin *pin, Commit *commit, GError **error) {
    g_auto(FileFd) owner = FILE_FD_NONE;
    g_autofree char *gone = vmstore_make_draft_name(store);
    int r;

    if (store->lone >= 0)
        return vmdir_remove(store, error);
    r = vmstore_open_owner(store, uid, FALSE, &owner);
    if (r < 0)
        return vmstore_failed(error, r, "VM %s", id);
    if (!rename_vm(store, uid, id, pin, owner, gone, commit, error))
        return FALSE;
    vmfiles_remove_tree(owner, gone, FILE_FD_NONE);
    return TRUE;
}

gboolean vmstore_rename(
        VMStore *store, uid_t uid, const char *id, const Pin *pin, const char *new_id,
        Commit *commit, GError **error) {
    g_auto(FileFd) owner = FILE_FD_NONE;
    int r = vmstore_open_owner(store, uid, FALSE, &owner);

    if (r < 0)
        return vmstore_failed(error, r, "VM %s", id);
    return rename_vm(store, uid, id, pin, owner, new_id, commit, error);
}
