/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/vmdir.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/error.h"
#include "vm/vmfiles.h"
#include "vm/vmstore-internal.h"

#define COMMIT_NAME ".vmfirmware-commit"
#define APPLY_NAME ".vmfirmware-apply"
#define MOVES_NAME ".moves"
#define MOVES_MAX_SIZE (64 * 1024)

#define WAIT_ATTEMPTS 1000
#define WAIT_PAUSE_USEC 10000

static int sync_fd(int fd) {
    return fsync(fd) < 0 ? -errno : 0;
}

static gboolean exists(int dir_fd, const char *name) {
    struct stat st;

    return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* -- applying a committed change --------------------------------------------------------- */

/* Moves OLD out of the way, to its NEW name in the committed directory; NEW empty: removes it. The
 * names come from a file that anybody may have put there. */
static int move_away(int dir_fd, int commit_fd, const char *old, const char *new_name) {
    gboolean is_removed = new_name[0] == '\0';
    int r;

    if (!vmfiles_is_own_name(old) || (!is_removed && !vmfiles_is_own_name(new_name)))
        return -EBADMSG;
    if (g_str_equal(old, new_name))
        return 0;
    if (is_removed)
        return unlinkat(dir_fd, old, 0) < 0 && errno != ENOENT ? -errno : 0;
    r = vmfiles_rename_new(dir_fd, old, commit_fd, new_name);
    /* done before a crash: OLD is now a new file, or missing */
    return r == -EEXIST || r == -ENOENT ? 0 : r;
}

static int move_all_away(int dir_fd, int commit_fd) {
    g_autoptr(GBytes) bytes = NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    g_auto(GStrv) lines = NULL;
    int r = file_read(commit_fd, MOVES_NAME, MOVES_MAX_SIZE, &bytes);

    if (r < 0)
        return r;
    if (g_bytes_get_size(bytes) > 0)
        g_string_append_len(text, g_bytes_get_data(bytes, NULL), (gssize)g_bytes_get_size(bytes));
    lines = g_strsplit(text->str, "\n", -1);
    for (char **line = lines; r == 0 && *line && **line; line++) {
        char *tab = strchr(*line, '\t');

        if (!tab)
            return -EBADMSG;
        *tab = '\0';
        r = move_away(dir_fd, commit_fd, *line, tab + 1);
    }
    if (r == 0)
        r = sync_fd(commit_fd);
    return r == 0 ? sync_fd(dir_fd) : r;
}

static int move_in(int apply_fd, const VMFile *file, gpointer dir_fd) {
    if (!file->is_own)
        return 0;
    return renameat(apply_fd, file->name, *(const int *)dir_fd, file->name) < 0 ? -errno : 0;
}

static int finish_commit(int dir_fd) {
    g_auto(FileFd) commit = FILE_FD_NONE;
    int r = vmstore_open_directory(dir_fd, COMMIT_NAME, &commit);

    if (r < 0)
        return r == -ENOENT ? 0 : r;
    r = move_all_away(dir_fd, commit);
    if (r < 0)
        return r;
    r = vmfiles_rename_new(dir_fd, COMMIT_NAME, dir_fd, APPLY_NAME);
    return r < 0 ? r : sync_fd(dir_fd);
}

static int finish_apply(int dir_fd) {
    g_auto(FileFd) apply = FILE_FD_NONE;
    int r = vmstore_open_directory(dir_fd, APPLY_NAME, &apply);

    if (r < 0)
        return r == -ENOENT ? 0 : r;
    r = vmfiles_visit(apply, NULL, move_in, &dir_fd);
    if (r == 0)
        r = sync_fd(dir_fd);
    if (r < 0)
        return r;
    if ((unlinkat(apply, MOVES_NAME, 0) < 0 && errno != ENOENT) ||
        unlinkat(dir_fd, APPLY_NAME, AT_REMOVEDIR) < 0)
        return -errno;
    return sync_fd(dir_fd);
}

/* The second of a change that was applied before is first. */
static int finish(int dir_fd) {
    int r = finish_apply(dir_fd);

    if (r >= 0)
        r = finish_commit(dir_fd);
    return r >= 0 ? finish_apply(dir_fd) : r;
}

static void remove_draft(int dir_fd, const char *name) {
    g_auto(FileFd) draft = FILE_FD_NONE;

    if (vmstore_open_directory(dir_fd, name, &draft) >= 0)
        (void)unlinkat(draft, MOVES_NAME, 0);
    vmfiles_remove_tree(dir_fd, name, FILE_FD_NONE);
}

static int sweep(int dir_fd, const VMFile *file, gpointer userdata) {
    if (g_str_has_prefix(file->name, VMSTORE_LONE_DRAFT_PREFIX))
        remove_draft(dir_fd, file->name);
    return 0;
}

/* -- opening ------------------------------------------------------------------------------- */

static gboolean denied(GError **error, const char *path, uid_t owner) {
    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_ACCESS_DENIED,
            "%s belongs to uid %u, not to uid %u: run this as the VM's owner", path,
            (unsigned)owner, (unsigned)geteuid());
    return FALSE;
}

static int find_other_owner(int dir_fd, const VMFile *file, gpointer userdata) {
    VMFile *found = userdata;

    if ((!file->is_own && !g_str_has_prefix(file->name, ".vmfirmware-")) ||
        file->st.st_uid == geteuid())
        return 0;
    found->name = g_strdup(file->name);
    found->st = file->st;
    return 1;
}

static gboolean check_owner(const VMStore *store, GError **error) {
    VMFile found = {};
    g_autofree char *path = NULL;
    struct stat st;
    int r;

    if (fstat(store->lone, &st) < 0)
        return vmstore_failed(error, -errno, "%s", store->directory);
    if (st.st_uid != geteuid())
        return denied(error, store->directory, st.st_uid);
    r = vmfiles_visit(store->lone, NULL, find_other_owner, &found);
    if (r < 0)
        return vmstore_failed(error, r, "%s", store->directory);
    if (r == 0)
        return TRUE;
    path = g_build_filename(store->directory, found.name, NULL);
    g_free((char *)found.name);
    return denied(error, path, found.st.st_uid);
}

static int open_directory(VMStore *store, VMDirFlags flags) {
    static const int open_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    g_autofree char *parent = g_path_get_dirname(store->directory);
    g_auto(FileFd) parent_fd = FILE_FD_NONE;

    store->lone = open(store->directory, open_flags);
    if (store->lone >= 0 || errno != ENOENT || !(flags & VMDIR_MAKE))
        return store->lone < 0 ? -errno : 0;

    if (mkdir(store->directory, 0700) < 0)
        return -errno;
    store->is_made = TRUE;
    store->lone = open(store->directory, open_flags);
    if (store->lone < 0 || fchmod(store->lone, 0700) < 0)
        return -errno;
    parent_fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return parent_fd < 0 ? -errno : sync_fd(parent_fd);
}

static gboolean take_turn(VMStore *store, GError **error) {
    int r = -EWOULDBLOCK;

    for (int i = 0; r == -EWOULDBLOCK && i < WAIT_ATTEMPTS; i++) {
        if (i > 0)
            g_usleep(WAIT_PAUSE_USEC);
        r = flock(store->lone, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
    }
    if (r == -EWOULDBLOCK) {
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_NVRAM_IN_USE,
                "%s: another process has worked on it for 10 s", store->directory);
        return FALSE;
    }
    /* there is no other process to wait for where no lease is possible either */
    return r >= 0 || store->has_no_lease || vmstore_lease_failed(error, store->directory, r);
}

VMStore *vmdir_open(const char *directory, VMDirFlags flags, GError **error) {
    g_autoptr(VMStore) store = vmstore_new(directory);
    int r;

    store->has_no_lease = (flags & VMDIR_NO_LEASE) != 0;
    r = open_directory(store, flags);
    if (r == -ENOENT && !(flags & VMDIR_MAKE)) {
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_NO_SUCH_VM, "there is no directory %s",
                directory);
        return NULL;
    }
    if (r < 0) {
        (void)vmstore_failed(error, r, "%s", directory);
        return NULL;
    }
    if (!check_owner(store, error) || !take_turn(store, error))
        return NULL;

    r = finish(store->lone);
    if (r >= 0)
        r = vmfiles_visit(store->lone, NULL, sweep, NULL);
    if (r < 0) {
        (void)vmstore_failed(error, r, "%s: a change that was interrupted", directory);
        return NULL;
    }
    return g_steal_pointer(&store);
}

/* -- publishing ---------------------------------------------------------------------------- */

typedef struct Stale {
    int draft_fd;
    const char *moves;
    GString *text; /* lines of MOVES_NAME */
    char *first;
} Stale;

static gboolean is_moved(const char *moves, const char *name) {
    g_autofree char *line = g_strconcat("\n", name, "\t", NULL);

    return g_str_has_prefix(moves, line + 1) || strstr(moves, line);
}

/* What neither stays nor is replaced. */
static int add_stale(int dir_fd, const VMFile *file, gpointer userdata) {
    Stale *stale = userdata;

    if (!file->is_own || g_str_equal(file->name, VMSTORE_LOCK_NAME))
        return 0;
    if (!stale->first)
        stale->first = g_strdup(file->name);
    if (!is_moved(stale->moves, file->name) && !exists(stale->draft_fd, file->name))
        g_string_append_printf(stale->text, "%s\t\n", file->name);
    return 0;
}

static int write_moves(int draft_fd, const GString *text) {
    g_auto(FileFd) fd = openat(
            draft_fd, MOVES_NAME, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    int r;

    if (fd < 0)
        return -errno;
    r = file_write_all(fd, text->str, text->len);
    if (r >= 0)
        r = sync_fd(fd);
    return r >= 0 ? sync_fd(draft_fd) : r;
}

static int commit(VMStore *store, int draft_fd, const char *name, const GString *text) {
    int r = write_moves(draft_fd, text);

    if (r < 0)
        return r;
    r = vmfiles_rename_new(store->lone, name, store->lone, COMMIT_NAME);
    if (r < 0)
        return r;
    r = sync_fd(store->lone);
    if (r < 0) {
        /* if this fails, too, the next call completes the change */
        G_GNUC_UNUSED int undone = vmfiles_rename_new(store->lone, COMMIT_NAME, store->lone, name);
    }
    return r;
}

gboolean vmdir_publish(
        VMStore *store, int draft_fd, const char *name, const char *moves, gboolean is_new,
        GError **error) {
    g_autoptr(GString) text = g_string_new(moves);
    Stale stale = {.draft_fd = draft_fd, .moves = moves, .text = text};
    g_autofree char *first = NULL;
    int r = vmfiles_visit(store->lone, NULL, add_stale, &stale);

    first = stale.first;
    if (r >= 0 && is_new && first) {
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_VM_CONFLICT,
                "%s has a file %s, but no record of a VM: move it away, or import it",
                store->directory, first);
        return FALSE;
    }
    if (r >= 0)
        r = vmstore_make_lock(store->lone);
    if (r >= 0)
        r = commit(store, draft_fd, name, text);
    if (r < 0)
        return vmstore_failed(error, r, "%s", store->directory);
    r = finish(store->lone);
    return r >= 0 ||
            vmstore_failed(
                    error, r, "%s: the change is committed; the next call completes it",
                    store->directory);
}

/* -- removal ------------------------------------------------------------------------------- */

gboolean vmdir_remove(VMStore *store, GError **error) {
    g_autofree char *name = vmstore_make_draft_name(store);
    g_auto(FileFd) draft = FILE_FD_NONE;
    int r = mkdirat(store->lone, name, 0700) < 0 ? -errno : 0;

    if (r >= 0)
        r = vmstore_open_directory(store->lone, name, &draft);
    if (r < 0)
        return vmstore_failed(error, r, "%s", store->directory);
    if (!vmdir_publish(store, draft, name, "", FALSE, error))
        return FALSE;
    (void)unlinkat(store->lone, VMSTORE_LOCK_NAME, 0);
    /* it stays with files of the user, as a mount point, or in a directory that is read-only */
    (void)rmdir(store->directory);
    return TRUE;
}
