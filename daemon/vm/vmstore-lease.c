/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/vmstore.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/error.h"
#include "base/privilege.h"
#include "vm/vmstore-internal.h"

/* The lock file of a VM: the lease, and the time of the last PrepareVM. A watch on its NVRAM tells
 * when a lease may have ended. */

/* A forked child may hold a copy of a lock descriptor until it execs. Retry for 20 ms before
 * reporting the VM as in use. */
#define LEASE_ATTEMPTS 10
#define LEASE_PAUSE_USEC 2000

guint64 vmstore_get_last_prepared(int dir_fd) {
    struct stat st;

    if (fstatat(dir_fd, VMSTORE_LOCK_NAME, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_mtim.tv_sec < 0)
        return 0;
    return (guint64)st.st_mtim.tv_sec * G_USEC_PER_SEC + (guint64)st.st_mtim.tv_nsec / 1000;
}

void vmstore_set_last_prepared(int dir_fd) {
    PRIVILEGE_SCOPE(scope);
    gint64 now = g_get_real_time();
    /* the kernel's own time stamps lag behind by a tick: a new VM would be older than its record */
    const struct timespec time = {
            .tv_sec = now / G_USEC_PER_SEC, .tv_nsec = now % G_USEC_PER_SEC * 1000};
    const struct timespec times[] = {time, time};

    (void)utimensat(dir_fd, VMSTORE_LOCK_NAME, times, AT_SYMLINK_NOFOLLOW);
}

int vmstore_make_lock(int dir_fd) {
    PRIVILEGE_SCOPE(scope);
    g_auto(FileFd) lock = FILE_FD_NONE;

    lock = openat(dir_fd, VMSTORE_LOCK_NAME, O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    return lock < 0 || fsync(lock) < 0 || fsync(dir_fd) < 0 ? -errno : 0;
}

static int take_lock(VMStore *store, int dir_fd, FileFd *ret) {
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&store->lease_mutex);
    g_auto(FileFd) fd = FILE_FD_NONE;
    int r;

    /* NFS takes a lock only of a descriptor for writing; the service gives none away. */
    r = vmstore_open_owned(dir_fd, VMSTORE_LOCK_NAME, store->lone >= 0 ? O_RDWR : O_RDONLY, &fd);
    if (r < 0)
        return r;
    if (!store->has_no_lease && flock(fd, LOCK_EX | LOCK_NB) < 0)
        return -errno;

    if (ret) {
        *ret = fd;
        fd = FILE_FD_NONE;
    }
    return 0;
}

gboolean vmstore_lease_failed(GError **error, const char *id, int r) {
    switch (r) {
    case -ENOLCK:
    case -EOPNOTSUPP:
    case -ENOSYS:
    case -EINVAL:
    case -EBADF:
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_NOT_SUPPORTED,
                "VM %s: its file system has no flock(2), so nothing keeps a second start away: %s",
                id, g_strerror(-r));
        return FALSE;
    default:
        return vmstore_failed(error, r, "VM %s: %s", id, VMSTORE_LOCK_NAME);
    }
}

gboolean vmstore_lease(VMStore *store, const char *id, int dir_fd, FileFd *ret, GError **error) {
    int r = take_lock(store, dir_fd, ret);

    if (r == -ENOENT) {
        r = vmstore_make_lock(dir_fd);
        if (r >= 0)
            r = take_lock(store, dir_fd, ret);
    }

    for (int i = 0; r == -EWOULDBLOCK && i < LEASE_ATTEMPTS; i++) {
        g_usleep(LEASE_PAUSE_USEC);
        r = take_lock(store, dir_fd, ret);
    }
    if (r == -EWOULDBLOCK) {
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_NVRAM_IN_USE,
                "VM %s: its lease is held: it runs, or somebody works on its NVRAM", id);
        return FALSE;
    }
    return r >= 0 || vmstore_lease_failed(error, id, r);
}

gboolean vmstore_is_leased(VMStore *store, int dir_fd) {
    return take_lock(store, dir_fd, NULL) == -EWOULDBLOCK;
}

int vmstore_watch(VMStore *store, int fd) {
    PRIVILEGE_SCOPE(scope);
    char path[sizeof "/proc/self/fd/" + 11];
    int r;

    (void)g_snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    r = inotify_add_watch(store->watch, path, IN_CLOSE_WRITE | IN_ONESHOT);
    return MAX(r, 0);
}

int vmstore_get_watch(const VMStore *store) {
    return store->watch;
}
