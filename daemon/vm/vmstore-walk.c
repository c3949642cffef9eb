/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/vmstore-walk.h"

#include <fcntl.h>
#include <string.h>

#include "vm/vmstore-internal.h"

#define NO_OWNER ((uid_t) - 1) /* not a valid uid */

void vmstore_walk_begin(VMStoreWalk *walk, VMStore *store) {
    walk->store = store;
    walk->uid = NO_OWNER;
}

/* Everybody may pass through the directories: a status needs no privilege. */
static int look_up(VMStoreWalk *walk, struct stat *ret) {
    return fstatat(walk->store->vms, walk->path, ret, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static gboolean is_walked(const VMStoreWalk *walk) {
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&walk->store->walk_mutex);
    const FileStamp *stamp = g_hash_table_lookup(walk->store->walked, GUINT_TO_POINTER(walk->uid));

    return stamp && file_stamp_equal(stamp, &walk->stamp);
}

void vmstore_walk_to(VMStoreWalk *walk, uid_t uid) {
    struct stat st;

    g_assert(walk->store->lone < 0);
    if (walk->uid == uid)
        return;
    walk->uid = uid;
    walk->length = (gsize)g_snprintf(walk->path, sizeof walk->path, "%u/", (unsigned)uid);
    walk->path[walk->length - 1] = '\0';
    walk->is_directory = look_up(walk, &st) >= 0 && S_ISDIR(st.st_mode);
    walk->path[walk->length - 1] = '/';
    walk->is_walked = FALSE;
    walk->is_trusted = FALSE;
    if (!walk->is_directory)
        return;
    walk->stamp = file_stamp(&st);
    walk->is_trusted = file_stamp_is_trusted(&walk->stamp, g_get_real_time());
    walk->is_walked = is_walked(walk);
}

void vmstore_walk_end_owner(VMStoreWalk *walk) {
    g_autoptr(GMutexLocker) locker = NULL;

    if (walk->uid == NO_OWNER || !walk->is_trusted || walk->is_walked)
        return;
    locker = g_mutex_locker_new(&walk->store->walk_mutex);
    g_hash_table_replace(
            walk->store->walked, GUINT_TO_POINTER(walk->uid),
            g_memdup2(&walk->stamp, sizeof walk->stamp));
}

int vmstore_walk_stat_nvram(
        VMStoreWalk *walk, const char *id, ImageFormat format, struct stat *ret) {
    char *end;
    int r;

    if (!walk->is_directory)
        return -ENOTDIR;
    g_assert(strlen(id) <= VMSTORE_MAX_ID);
    end = stpcpy(walk->path + walk->length, id);
    if (!walk->is_walked) {
        r = look_up(walk, ret);
        if (r < 0)
            return r;
        if (!S_ISDIR(ret->st_mode))
            return -ENOTDIR;
    }
    (void)stpcpy(stpcpy(end, "/" VMSTORE_NVRAM_PREFIX), image_format_to_string(format));
    return look_up(walk, ret);
}
