/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/vmfiles.h"

#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/privilege.h"
#include "vm/vmdraft.h"
#include "vm/vmstore-internal.h"

#define UNKNOWN_GID 65534 /* nogroup */

/* Others decide how many files there are in a directory. */
#define BATCH_SIZE 64

/* A foreign file may appear in a directory while it is removed. */
#define REMOVE_ATTEMPTS 3

static gboolean is_nvram_name(const char *name, const Pin *pin) {
    ImageFormat format;

    return g_str_has_prefix(name, VMSTORE_NVRAM_PREFIX) &&
            image_format_from_string(name + strlen(VMSTORE_NVRAM_PREFIX), &format) &&
            (!pin || (pin->has_nvram && pin->nvram_format == format));
}

gboolean vmfiles_parse_backup(const char *name, guint32 *ret_serial, ImageFormat *ret_format) {
    g_auto(GStrv) parts = NULL;
    g_autofree char *canonical = NULL;
    ImageFormat format = IMAGE_FORMAT_RAW;
    guint64 serial = 0;

    if (!g_str_equal(name, VMSTORE_OLD_BACKUP_NAME)) {
        if (!g_str_has_prefix(name, VMSTORE_BACKUP_PREFIX))
            return FALSE;
        parts = g_strsplit(name + strlen(VMSTORE_BACKUP_PREFIX), ".", 2);
        if (g_strv_length(parts) != 2 ||
            !g_ascii_string_to_unsigned(parts[0], 10, 0, G_MAXUINT32, &serial, NULL) ||
            !image_format_from_string(parts[1], &format))
            return FALSE;
        /* no leading zeros: two names must not have the same serial */
        canonical = vmstore_backup_name((guint32)serial, format);
        if (!g_str_equal(name, canonical))
            return FALSE;
    }
    if (ret_serial)
        *ret_serial = (guint32)serial;
    if (ret_format)
        *ret_format = format;
    return TRUE;
}

static gboolean is_own_name(const char *name, const Pin *pin) {
    static const char *const names[] = {
            VMSTORE_PIN_NAME, VMSTORE_LOCK_NAME, VMSTORE_BACKUP_LIST_NAME, NULL};
    static const char *const scratch[] = {
            VMDRAFT_SCRATCH_IN, VMDRAFT_SCRATCH_RAW, VMDRAFT_SCRATCH_OUT, NULL};

    return g_strv_contains(names, name) || is_nvram_name(name, pin) ||
            vmfiles_parse_backup(name, NULL, NULL) || (!pin && g_strv_contains(scratch, name));
}

gboolean vmfiles_is_own_name(const char *name) {
    return is_own_name(name, NULL);
}

guint64 vmfiles_get_allocated(const struct stat *st) {
    return (guint64)st->st_blocks * 512;
}

typedef struct Entry {
    char *name;
    struct stat st;
} Entry;

static void entry_clear(gpointer data) {
    g_free(((Entry *)data)->name);
}

/* DIR_FD: FILE_FD_NONE, the name alone. */
static int add_entry(int dir_fd, const char *name, GArray *entries) {
    Entry entry = {};

    if (g_str_equal(name, ".") || g_str_equal(name, ".."))
        return 0;
    if (dir_fd >= 0 && fstatat(dir_fd, name, &entry.st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    entry.name = g_strdup(name);
    g_array_append_val(entries, entry);
    return 0;
}

/* By the system call itself: readdir(3) makes three more for each directory. Returns 1 if there are
 * more entries, 0, or a negative errno. */
static int read_entries(int list_fd, int dir_fd, GArray *entries) {
    union {
        struct dirent64 entry;
        char bytes[4096];
    } buffer;
    ssize_t n = getdents64(list_fd, &buffer, sizeof buffer);

    for (ssize_t offset = 0; offset < n;) {
        const struct dirent64 *entry = (gconstpointer)(buffer.bytes + offset);
        int r = add_entry(dir_fd, entry->d_name, entries);

        if (r < 0)
            return r;
        offset += entry->d_reclen;
    }
    return n < 0 ? -errno : n > 0;
}

/* In one scope: each costs system calls. A visitor must not run in it. Opens *LIST_FD for the first
 * batch. Returns as read_entries(). */
static int read_batch(FileFd *list_fd, int dir_fd, gboolean wants_status, GArray *entries) {
    PRIVILEGE_SCOPE(scope);
    int r = *list_fd >= 0 ? 1 : vmstore_open_directory(dir_fd, ".", list_fd);

    if (r < 0)
        return r;
    do
        r = read_entries(*list_fd, wants_status ? dir_fd : FILE_FD_NONE, entries);
    while (r > 0 && entries->len < BATCH_SIZE);
    return r;
}

static int visit_files(
        int dir_fd, const Pin *pin, gboolean wants_status, VMFileVisit visit, gpointer userdata) {
    g_autoptr(GArray) entries = g_array_new(FALSE, FALSE, sizeof(Entry));
    g_auto(FileFd) list_fd = FILE_FD_NONE;
    int has_more;
    int r = 0;

    g_array_set_clear_func(entries, entry_clear);
    do {
        g_array_set_size(entries, 0);
        has_more = read_batch(&list_fd, dir_fd, wants_status, entries);
        if (has_more < 0)
            return has_more;
        for (guint i = 0; r == 0 && i < entries->len; i++) {
            const Entry *entry = &g_array_index(entries, Entry, i);
            const VMFile file = {
                    .name = entry->name,
                    .st = entry->st,
                    .is_own = S_ISREG(entry->st.st_mode) && is_own_name(entry->name, pin),
            };

            r = visit(dir_fd, &file, userdata);
        }
    } while (r == 0 && has_more);
    return r;
}

int vmfiles_visit(int dir_fd, const Pin *pin, VMFileVisit visit, gpointer userdata) {
    return visit_files(dir_fd, pin, TRUE, visit, userdata);
}

int vmfiles_visit_names(int dir_fd, VMFileVisit visit, gpointer userdata) {
    return visit_files(dir_fd, NULL, FALSE, visit, userdata);
}

void vmfiles_add_size(const VMFile *file, guint64 *size) {
    guint64 taken = vmfiles_parse_backup(file->name, NULL, NULL) ? vmfiles_get_allocated(&file->st)
                                                                 : (guint64)file->st.st_size;

    /* The sum may overflow: an owner can set any size. */
    if (file->is_own && !g_uint64_checked_add(size, *size, taken))
        *size = G_MAXUINT64;
}

static int take_foreign_name(int dir_fd, const VMFile *file, gpointer userdata) {
    char **ret = userdata;

    if (file->is_own)
        return 0;
    *ret = g_strdup(file->name);
    return 1;
}

int vmfiles_find_foreign(int dir_fd, const Pin *pin, char **ret) {
    int r;

    *ret = NULL;
    r = vmfiles_visit(dir_fd, pin, take_foreign_name, ret);
    return MIN(r, 0);
}

/* -- removal ----------------------------------------------------------------------------- */

static gboolean has_other_name(const VMFile *file, int heir_fd) {
    struct stat st;

    if (heir_fd < 0)
        return !S_ISDIR(file->st.st_mode) && file->st.st_nlink > 1;
    return fstatat(heir_fd, file->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            st.st_dev == file->st.st_dev && st.st_ino == file->st.st_ino;
}

static int remove_file(int dir_fd, const VMFile *file, gpointer userdata) {
    int heir_fd = *(const int *)userdata;

    if (file->is_own || has_other_name(file, heir_fd))
        (void)unlinkat(dir_fd, file->name, 0);
    else if (heir_fd >= 0)
        (void)renameat2(dir_fd, file->name, heir_fd, file->name, RENAME_NOREPLACE);
    return 0;
}

int vmfiles_rename_new(int dir_fd, const char *name, int new_fd, const char *new_name) {
    struct stat st;

    if (renameat2(dir_fd, name, new_fd, new_name, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -errno;
    if (fstatat(new_fd, new_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return -EEXIST;
    if (errno != ENOENT)
        return -errno;
    return renameat(dir_fd, name, new_fd, new_name) < 0 ? -errno : 0;
}

void vmfiles_remove_tree(int dir_fd, const char *name, int heir_fd) {
    PRIVILEGE_SCOPE(scope);
    g_auto(FileFd) fd = FILE_FD_NONE;

    if (vmstore_open_directory(dir_fd, name, &fd) < 0)
        return;
    for (int i = 0; i < REMOVE_ATTEMPTS; i++)
        if (vmfiles_visit(fd, NULL, remove_file, &heir_fd) < 0 ||
            unlinkat(dir_fd, name, AT_REMOVEDIR) == 0 || errno != ENOTEMPTY)
            return;
}

/* -- owners ------------------------------------------------------------------------------ */

gid_t vmfiles_get_group(uid_t uid) {
    g_autofree char *buffer = g_malloc(16384);
    struct passwd entry;
    struct passwd *found = NULL;

    if (getpwuid_r(uid, &entry, buffer, 16384, &found) == 0 && found)
        return found->pw_gid;
    return UNKNOWN_GID;
}

/* The kernel does it for each change of a file. The service itself may not change the mode of a
 * file of another uid. */
int vmfiles_drop_set_id(int fd) {
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    if ((st.st_mode & (S_ISUID | S_ISGID)) == 0)
        return 0;
    return ftruncate(fd, st.st_size) < 0 ? -errno : 1;
}

int vmfiles_give(int fd, uid_t uid, gid_t gid) {
    PRIVILEGE_SCOPE(scope);
    struct stat st;

    /* The mode first: the service may not change it after the chown. */
    if (fchmod(fd, 0600) < 0 || fstat(fd, &st) < 0)
        return -errno;
    /* In the service of a user, the owner and the group are right. */
    if ((st.st_uid != uid || geteuid() == 0) && fchown(fd, uid, gid) < 0)
        return -errno;
    /* Once, with content, mode and owner. */
    return fsync(fd) < 0 ? -errno : 0;
}
