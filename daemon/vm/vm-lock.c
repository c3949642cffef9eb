/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/vm-lock.h"

#include <fcntl.h>

#include "base/error.h"
#include "vm/vmfiles.h"

#define BYTE_READS 100
#define BYTE_WRITES 101
#define BYTE_NOBODY_WRITES 201

static const ImageFormat locked_formats[] = {IMAGE_FORMAT_RAW, IMAGE_FORMAT_QCOW2};
G_STATIC_ASSERT(G_N_ELEMENTS(locked_formats) == G_N_ELEMENTS(((VMLock *)NULL)->nvram));

/* -- QEMU's locks on one file -------------------------------------------------------------- */

static struct flock make_lock(short type, off_t byte) {
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
}

gboolean vm_lock_is_written_by_another(int fd) {
    struct flock lock = make_lock(F_WRLCK, BYTE_WRITES);

    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

int vm_lock_file(int fd) {
    static const off_t bytes[] = {BYTE_READS, BYTE_WRITES, BYTE_NOBODY_WRITES};

    for (gsize i = 0; i < G_N_ELEMENTS(bytes); i++) {
        struct flock lock = make_lock(F_RDLCK, bytes[i]);

        if (fcntl(fd, F_OFD_SETLK, &lock) < 0)
            return errno == EACCES ? -EAGAIN : -errno;
    }
    /* After the locks: a QEMU that starts between check and locks would be missed. */
    return vm_lock_is_written_by_another(fd) ? -EAGAIN : 0;
}

static gboolean lock_file(const char *id, int fd, GError **error) {
    int r = vm_lock_file(fd);

    if (r == -EAGAIN)
        return vm_op_fail(
                error, FIRMWARE_ERROR_NVRAM_IN_USE, id,
                "a QEMU has its NVRAM file open for writing");
    return r >= 0 || vm_op_fail(error, FIRMWARE_ERROR_IO, id, g_strerror(-r));
}

/* -- foreign files ------------------------------------------------------------------------- */

static gboolean is_running_from(int dir_fd, const VMFile *file) {
    g_auto(FileFd) fd = FILE_FD_NONE;

    return S_ISREG(file->st.st_mode) &&
            vmstore_open_owned(dir_fd, file->name, O_RDONLY, &fd) >= 0 &&
            vm_lock_is_written_by_another(fd);
}

static int take_locked_name(int dir_fd, const VMFile *file, gpointer userdata) {
    char **ret = userdata;

    if (file->is_own || !is_running_from(dir_fd, file))
        return 0;
    *ret = g_strdup(file->name);
    return 1;
}

static gboolean check_foreign_files(const char *id, int dir_fd, GError **error) {
    g_autofree char *name = NULL;
    g_autofree char *text = NULL;
    int r = vmfiles_visit(dir_fd, NULL, take_locked_name, &name);

    if (r < 0)
        return vm_op_fail(error, FIRMWARE_ERROR_IO, id, g_strerror(-r));
    if (!name)
        return TRUE;
    text = g_strdup_printf(
            "a QEMU has %s in its directory open for writing, which is another VM's file", name);
    return vm_op_fail(error, FIRMWARE_ERROR_NVRAM_IN_USE, id, text);
}

/* -- a VM -------------------------------------------------------------------------------- */

static gboolean check_name(const char *id, int dir_fd, const char *name, int fd, GError **error) {
    struct stat opened;
    struct stat named;

    if (fstat(fd, &opened) < 0)
        return vm_op_fail(error, FIRMWARE_ERROR_IO, id, g_strerror(errno));
    return (fstatat(dir_fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
            named.st_dev == opened.st_dev && named.st_ino == opened.st_ino) ||
            vm_op_fail(
                    error, FIRMWARE_ERROR_VM_CONFLICT, id,
                    "another process has replaced its NVRAM file");
}

static gboolean lock_format(
        const VMOp *op, int dir_fd, ImageFormat format, FileFd *ret, GError **error) {
    g_autofree char *name = vmstore_nvram_name(format);
    int r = vmstore_open_owned(dir_fd, name, O_RDONLY, ret);

    if (r >= 0)
        return lock_file(op->id, *ret, error) && check_name(op->id, dir_fd, name, *ret, error);
    /* nobody runs from it; whether it is missing is for the operation to say */
    if (file_is_missing(r) || r == -EACCES)
        return TRUE;
    if (r == -EWOULDBLOCK)
        return vm_op_fail(
                error, FIRMWARE_ERROR_NVRAM_IN_USE, op->id, "somebody leases its NVRAM file");
    return vm_op_fail(error, FIRMWARE_ERROR_IO, op->id, g_strerror(-r));
}

void vm_lock_clear(VMLock *lock) {
    file_fd_close(lock->dir);
    file_fd_close(lock->lease);
    for (gsize i = 0; i < G_N_ELEMENTS(lock->nvram); i++)
        file_fd_close(lock->nvram[i]);
}

gboolean vm_lock(const VMOp *op, VMLock *lock, GError **error) {
    int r = vmstore_open_vm(op->store, op->owner, op->id, &lock->dir);

    if (r < 0)
        return vm_op_fail(error, FIRMWARE_ERROR_IO, op->id, g_strerror(-r));
    if (!vmstore_lease(op->store, op->id, lock->dir, &lock->lease, error))
        return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(locked_formats); i++)
        if (!lock_format(op, lock->dir, locked_formats[i], &lock->nvram[i], error))
            return FALSE;
    return check_foreign_files(op->id, lock->dir, error);
}

gboolean vm_lock_lease(const VMOp *op, FileFd *ret, GError **error) {
    g_auto(VMLock) lock = VM_LOCK_INIT;

    if (!vm_lock(op, &lock, error))
        return FALSE;
    *ret = lock.lease;
    lock.lease = FILE_FD_NONE;
    return TRUE;
}

FileFd vm_lock_steal_nvram(VMLock *lock, ImageFormat format) {
    FileFd fd = FILE_FD_NONE;

    for (gsize i = 0; i < G_N_ELEMENTS(locked_formats); i++)
        if (locked_formats[i] == format) {
            fd = lock->nvram[i];
            lock->nvram[i] = FILE_FD_NONE;
        }
    return fd;
}

gboolean vm_check_record(const VMOp *op, int dir_fd, GError **error) {
    g_autoptr(Pin) pin = vmstore_read_pin(dir_fd, error);

    return pin &&
            (pin_equal(pin, op->pin) ||
             vm_op_fail(
                     error, FIRMWARE_ERROR_VM_CONFLICT, op->id,
                     "another process has changed its record"));
}

typedef struct Use {
    gboolean is_in_use;
    guint64 size;
} Use;

static int find_use(int dir_fd, const VMFile *file, gpointer userdata) {
    Use *use = userdata;
    gboolean may_be_image = !file->is_own || g_str_has_prefix(file->name, VMSTORE_NVRAM_PREFIX);

    vmfiles_add_size(file, &use->size);
    use->is_in_use = use->is_in_use || (may_be_image && is_running_from(dir_fd, file));
    return 0;
}

gboolean vm_is_in_use_at(VMStore *store, int dir_fd, guint64 *ret_size) {
    Use use = {};

    /* Nobody runs from a directory that is gone. */
    if (dir_fd >= 0)
        (void)vmfiles_visit(dir_fd, NULL, find_use, &use);
    if (ret_size)
        *ret_size = use.size;
    return use.is_in_use || (dir_fd >= 0 && vmstore_is_leased(store, dir_fd));
}

gboolean vm_is_in_use(VMStore *store, uid_t owner, const char *id) {
    g_auto(FileFd) dir = FILE_FD_NONE;

    return vmstore_open_vm(store, owner, id, &dir) >= 0 && vm_is_in_use_at(store, dir, NULL);
}
