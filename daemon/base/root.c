/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/root.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_LINKS 40  /* as the kernel's */
#define MAX_DEPTH 256 /* a descriptor is open for each directory on the way */

static gboolean is_below(const char *path, const char *directory) {
    gsize length = strlen(directory);

    return strncmp(path, directory, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

static gboolean is_outside(const FileRoot *root, const char *path) {
    for (const char *const *each = root->outside; each && *each; each++)
        if (is_below(path, *each))
            return TRUE;
    return FALSE;
}

/* -- without openat2 ----------------------------------------------------------------------- */

/* A directory below the root. */
typedef struct Level {
    FileFd fd;
    char *name;
} Level;

static void level_clear(gpointer data) {
    Level *level = data;

    file_fd_close(level->fd);
    g_free(level->name);
}

/* A path that is being resolved. */
typedef struct Walk {
    int root_fd;
    GArray *levels;       /* of Level: down to the directory that is reached */
    GPtrArray *left;      /* of char*: components, the next one last */
    char *name;           /* of the component that was looked at last */
    gboolean is_nofollow; /* as O_NOFOLLOW */
    guint n_links;
} Walk;

static void walk_clear(Walk *walk) {
    g_array_unref(walk->levels);
    g_ptr_array_unref(walk->left);
    g_free(walk->name);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Walk, walk_clear)

static const Level *walk_get_level(const Walk *walk, guint i) {
    return &g_array_index(walk->levels, Level, i);
}

static int walk_get_fd(const Walk *walk) {
    guint n = walk->levels->len;

    return n > 0 ? walk_get_level(walk, n - 1)->fd : walk->root_fd;
}

/* To the parent; the root is its own. */
static void walk_up(Walk *walk) {
    if (walk->levels->len > 0)
        g_array_set_size(walk->levels, walk->levels->len - 1);
}

static void walk_add(Walk *walk, const char *path) {
    g_auto(GStrv) components = g_strsplit(path, "/", -1);

    if (path[0] == '/')
        g_array_set_size(walk->levels, 0);
    for (guint i = g_strv_length(components); i > 0; i--)
        g_ptr_array_add(walk->left, g_strdup(components[i - 1]));
}

static int follow_link(Walk *walk, int fd) {
    char target[PATH_MAX];
    ssize_t n = readlinkat(fd, "", target, sizeof target - 1);

    if (n < 0)
        return -errno;
    if (++walk->n_links > MAX_LINKS)
        return -ELOOP;
    target[n] = '\0';
    walk_add(walk, target);
    return 0;
}

/* Looks at the component NAME. Returns 1 with RET_FD, an O_PATH descriptor, when it is the end of
 * the path and no directory. */
static int walk_step(Walk *walk, FileFd *ret_fd) {
    g_auto(FileFd) fd = FILE_FD_NONE;
    Level level;
    struct stat st;

    if (walk->name[0] == '\0' || g_str_equal(walk->name, "."))
        return 0;
    if (g_str_equal(walk->name, "..")) {
        walk_up(walk);
        return 0;
    }
    fd = openat(walk_get_fd(walk), walk->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (S_ISLNK(st.st_mode) && !(walk->is_nofollow && walk->left->len == 0))
        return follow_link(walk, fd);
    if (!S_ISDIR(st.st_mode)) {
        if (walk->left->len > 0)
            return -ENOTDIR;
        *ret_fd = fd;
        fd = FILE_FD_NONE;
        return 1;
    }
    if (walk->levels->len == MAX_DEPTH)
        return -ENAMETOOLONG;
    level = (Level){fd, g_strdup(walk->name)};
    g_array_append_val(walk->levels, level);
    fd = FILE_FD_NONE;
    return 0;
}

/* As walk_step(); 0: the path leads to the directory that is reached. */
static int walk_to_end(Walk *walk, const char *path, FileFd *ret_fd) {
    int r = 0;

    walk_add(walk, path);
    while (r == 0 && walk->left->len > 0) {
        g_free(walk->name);
        walk->name = g_ptr_array_steal_index(walk->left, walk->left->len - 1);
        r = walk_step(walk, ret_fd);
    }
    return r;
}

static Walk walk_new(int root_fd, gboolean is_nofollow) {
    Walk walk = {
            .root_fd = root_fd,
            .levels = g_array_new(FALSE, FALSE, sizeof(Level)),
            .left = g_ptr_array_new_with_free_func(g_free),
            .is_nofollow = is_nofollow,
    };

    g_array_set_clear_func(walk.levels, level_clear);
    return walk;
}

/* The path without links of the file that a walk has ended at, or found missing. */
static char *walk_get_path(const Walk *walk) {
    g_autoptr(GString) path = g_string_new(NULL);

    for (guint i = 0; i < walk->levels->len; i++)
        g_string_append_printf(path, "/%s", walk_get_level(walk, i)->name);
    g_string_append_printf(path, "/%s", walk->name);
    for (guint i = walk->left->len; i > 0; i--) {
        const char *name = walk->left->pdata[i - 1];

        if (name[0] != '\0' && !g_str_equal(name, "."))
            g_string_append_printf(path, "/%s", name);
    }
    return g_string_free(g_steal_pointer(&path), FALSE);
}

/* An O_PATH descriptor becomes one with FLAGS by the name that led to it: /proc may be missing. */
static int reopen(int dir_fd, const char *name, int flags, int fd, FileFd *ret_fd) {
    g_auto(FileFd) opened = openat(dir_fd, name, flags | O_NOFOLLOW | O_CLOEXEC);
    struct stat st, wanted;

    if (opened < 0 || fstat(opened, &st) < 0 || fstat(fd, &wanted) < 0)
        return -errno;
    if (st.st_dev != wanted.st_dev || st.st_ino != wanted.st_ino)
        return -EAGAIN; /* replaced meanwhile */
    *ret_fd = opened;
    opened = FILE_FD_NONE;
    return 0;
}

int root_open_by_components(int root_fd, const char *path, int flags, FileFd *ret_fd) {
    g_auto(Walk) walk = walk_new(root_fd, (flags & O_NOFOLLOW) != 0);
    g_auto(FileFd) fd = FILE_FD_NONE;
    int r = walk_to_end(&walk, path, &fd);

    if (r < 0)
        return r;
    return r > 0 ? reopen(walk_get_fd(&walk), walk.name, flags, fd, ret_fd)
                 : reopen(walk_get_fd(&walk), ".", flags, walk_get_fd(&walk), ret_fd);
}

const FileRoot *root_of(const FileVisitor *visitor) {
    return visitor ? visitor->root : NULL;
}

/* -- opening ------------------------------------------------------------------------------- */

int root_open(const FileRoot *root, const char *path, int flags, FileFd *ret_fd) {
    const struct open_how how = {
            .flags = (guint64)(flags | O_CLOEXEC),
            .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    gboolean is_rooted = root && !is_outside(root, path);
    int fd = is_rooted ? (int)syscall(SYS_openat2, root->fd, path, &how, sizeof how)
                       : open(path, flags | O_CLOEXEC);

    if (fd >= 0) {
        *ret_fd = fd;
        return 0;
    }
    /* EAGAIN: the kernel resolves no ".." while anything on the host is renamed or mounted */
    if (is_rooted && (errno == ENOSYS || errno == EPERM || errno == EAGAIN))
        return root_open_by_components(root->fd, path, flags, ret_fd);
    return -errno;
}

int root_stat(const FileRoot *root, const char *path, struct stat *ret) {
    g_auto(FileFd) fd = FILE_FD_NONE;
    int r;

    if (!root)
        return stat(path, ret) < 0 ? -errno : 0;
    r = root_open(root, path, O_PATH, &fd);
    if (r < 0)
        return r;
    return fstat(fd, ret) < 0 ? -errno : 0;
}

void root_directory_close(RootDirectory *directory) {
    (void)closedir(directory);
}

int root_open_directory(const FileRoot *root, const char *path, RootDirectory **ret) {
    g_auto(FileFd) fd = FILE_FD_NONE;
    int r = root_open(root, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK, &fd);

    if (r < 0)
        return r;
    *ret = fdopendir(fd);
    if (!*ret)
        return -errno;
    fd = FILE_FD_NONE;
    return 0;
}

int root_directory_next(RootDirectory *directory, const char **ret_name) {
    const struct dirent *entry;

    errno = 0;
    entry = readdir(directory);
    if (!entry)
        return -errno;
    *ret_name = entry->d_name;
    return 1;
}

int root_open_regular(
        const FileRoot *root, const char *path, FileFd *ret_fd, struct stat *ret_stat) {
    g_auto(FileFd) fd = FILE_FD_NONE;
    struct stat st;
    int r;

    if (!root)
        return file_open_regular(AT_FDCWD, path, ret_fd, ret_stat);
    /* opening a device can have side effects: check the type first */
    r = root_stat(root, path, &st);
    if (r >= 0 && !S_ISREG(st.st_mode))
        r = -ENOTSUP;
    if (r >= 0)
        r = root_open(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, &fd);
    if (r >= 0)
        r = file_check_regular(fd, ret_stat);
    if (r < 0)
        return r;

    *ret_fd = fd;
    fd = FILE_FD_NONE;
    return 0;
}

int root_read(const FileRoot *root, const char *path, gsize limit, GBytes **ret_bytes) {
    g_auto(FileFd) fd = FILE_FD_NONE;
    int r = root_open_regular(root, path, &fd, NULL);

    return r < 0 ? r : file_read_all(fd, limit, ret_bytes);
}

static gboolean is_null_device_below(int root_fd, const char *path) {
    g_auto(Walk) walk = walk_new(root_fd, FALSE);
    g_auto(FileFd) fd = FILE_FD_NONE;
    g_autofree char *end = NULL;
    struct stat st;
    int r = walk_to_end(&walk, path, &fd);

    if (r > 0 && fstat(fd, &st) == 0 && file_status_is_null_device(&st))
        return TRUE;
    end = r > 0 || r == -ENOENT ? walk_get_path(&walk) : NULL;
    return g_strcmp0(end, "/dev/null") == 0;
}

gboolean root_is_null_device(const FileRoot *root, const char *path) {
    return root && !is_outside(root, path) ? is_null_device_below(root->fd, path)
                                           : file_is_null_device(AT_FDCWD, path);
}
