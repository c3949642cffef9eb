/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service/watch-plan.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

/* The directories on the way of each path, and the names that matter in each. */

/* Events that can change where a name leads. A new link raises CREATE alone, chmod ATTRIB alone. */
#define WAY_EVENTS                                                                      \
    (IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | \
     IN_MOVE_SELF)
/* And the content of a file. truncate(2) raises MODIFY alone, the end of a shared mapping
 * CLOSE_WRITE. */
#define FILE_EVENTS (WAY_EVENTS | IN_MODIFY | IN_CLOSE_WRITE)

/* The kernel's limit: path_resolution(7). */
#define MAX_LINKS 40

/* The target of a watch descriptor: a directory, or a file with several names. */
typedef struct Directory {
    gint refs;
    int error;          /* positive errno: it cannot be watched; 0: it is watched */
    gboolean has_files; /* whose contents are watched */
    GHashTable *names;  /* that matter */
    gboolean is_whole;  /* each name matters */
} Directory;

static Directory *directory_new(int error) {
    Directory *directory = g_new0(Directory, 1);

    directory->refs = 1;
    directory->error = error;
    directory->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return directory;
}

static void directory_unref(gpointer data) {
    Directory *directory = data;

    if (--directory->refs > 0)
        return;
    g_hash_table_unref(directory->names);
    g_free(directory);
}

WatchPlan *watch_plan_new_for(int inotify, GHashTable *silent) {
    WatchPlan *plan = g_new0(WatchPlan, 1);

    g_mutex_init(&plan->mutex);
    plan->inotify = inotify;
    plan->silent = g_hash_table_ref(silent);
    plan->max_directories = WATCH_MAX_DIRECTORIES;
    plan->directories = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, directory_unref);
    plan->by_wd = g_hash_table_new_full(NULL, NULL, NULL, directory_unref);
    plan->links = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return plan;
}

void watch_plan_free(WatchPlan *plan) {
    if (!plan)
        return;

    g_mutex_clear(&plan->mutex);
    g_free(plan->in_hand);
    g_hash_table_unref(plan->silent);
    g_hash_table_unref(plan->directories);
    g_hash_table_unref(plan->by_wd);
    g_hash_table_unref(plan->links);
    g_free(plan->unwatched);
    g_free(plan);
}

static void take_in_hand(WatchPlan *plan, const char *path) {
    g_mutex_lock(&plan->mutex);
    g_free(plan->in_hand);
    plan->in_hand = g_strdup(path);
    g_mutex_unlock(&plan->mutex);
}

char *watch_plan_get_in_hand(WatchPlan *plan) {
    char *in_hand;

    g_mutex_lock(&plan->mutex);
    in_hand = g_strdup(plan->in_hand);
    g_mutex_unlock(&plan->mutex);
    return in_hand;
}

static void note_unwatched(WatchPlan *plan, const char *path, int error) {
    if (plan->unwatched)
        return;
    plan->unwatched = g_strdup(path);
    plan->unwatched_error = error;
}

/* Returns the watch descriptor or a negative errno. Adds to the events of a watch that an older
 * plan has. */
static int add_watch(const WatchPlan *plan, const char *path, uint32_t events) {
    int wd;

    if (plan->inotify < 0)
        return plan->inotify;
    wd = inotify_add_watch(
            plan->inotify, path, events | IN_DONT_FOLLOW | IN_EXCL_UNLINK | IN_MASK_ADD);
    return wd < 0 ? -errno : wd;
}

static int add_new_watch(const WatchPlan *plan, const char *path, uint32_t events) {
    if (g_hash_table_size(plan->by_wd) >= plan->max_directories)
        return -ENOSPC;
    return add_watch(plan, path, events);
}

static void keep_watch(WatchPlan *plan, int wd, Directory *directory) {
    if (g_hash_table_contains(plan->by_wd, GINT_TO_POINTER(wd)))
        return;
    directory->refs++;
    g_hash_table_insert(plan->by_wd, GINT_TO_POINTER(wd), directory);
}

/* PATH is a directory without links on its way. */
static Directory *watch_directory(WatchPlan *plan, const char *path) {
    Directory *directory = g_hash_table_lookup(plan->directories, path);
    int wd;

    if (directory)
        return directory;

    take_in_hand(plan, path);
    wd = add_new_watch(plan, path, WAY_EVENTS | IN_ONLYDIR);
    /* the same directory by another path: a bind mount */
    directory = wd < 0 ? NULL : g_hash_table_lookup(plan->by_wd, GINT_TO_POINTER(wd));
    if (directory)
        directory->refs++;
    else
        directory = directory_new(wd < 0 ? -wd : 0);
    g_hash_table_insert(plan->directories, g_strdup(path), directory);

    if (wd >= 0)
        keep_watch(plan, wd, directory);
    /* one that went away since is told of by the directory it was in; what may not be read matters
     * where something in it can be looked at all the same */
    if (wd < 0 && wd != -ENOENT && wd != -ENOTDIR && wd != -EACCES)
        note_unwatched(plan, path, -wd);
    return directory;
}

static void watch_contents(const WatchPlan *plan, Directory *directory, const char *path) {
    if (directory->has_files || directory->error)
        return;
    directory->has_files = TRUE;
    /* this adds events to a watch that exists, so no limit applies */
    (void)add_watch(plan, path, FILE_EVENTS | IN_ONLYDIR);
}

/* The file can change by a name in a directory outside the plan. */
static void watch_inode(WatchPlan *plan, const char *path) {
    int wd = add_new_watch(plan, path, FILE_EVENTS);

    if (wd >= 0) {
        Directory *file = directory_new(0);

        keep_watch(plan, wd, file);
        directory_unref(file);
    } else if (wd != -ENOENT && wd != -EACCES) {
        note_unwatched(plan, path, -wd);
    }
}

/* The target of the link PATH; NULL: it is no link. */
static const char *read_link(WatchPlan *plan, const char *path) {
    const char *known = g_hash_table_lookup(plan->links, path);
    char target[PATH_MAX];
    ssize_t size;

    if (known)
        return known;
    size = readlink(path, target, sizeof target);
    if (size <= 0 || size == sizeof target)
        return NULL;
    known = g_strndup(target, (gsize)size);
    g_hash_table_insert(plan->links, g_strdup(path), (gpointer)known);
    return known;
}

/* A directory, by its path without links, and the rest of the way from there. */
typedef struct Way {
    char *at;
    char *rest;
    gboolean is_silent; /* it leads to a file system that does not answer */
} Way;

static void way_clear(Way *way) {
    g_free(way->at);
    g_free(way->rest);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Way, way_clear)

/* One step down from WAY's directory. Returns the path of NAME there if it is a directory.
 * Otherwise NULL, with the target in *RET_LINK if it is a link. */
static char *step(WatchPlan *plan, Way *way, const char *name, const char **ret_link) {
    const char *at = way->at;
    g_autofree char *path = g_strconcat(at[1] ? at : "", "/", name, NULL);
    Directory *directory;
    struct stat st;

    if (g_hash_table_contains(plan->directories, path))
        return g_steal_pointer(&path);

    directory = watch_directory(plan, at);
    if (!g_hash_table_contains(directory->names, name))
        g_hash_table_add(directory->names, g_strdup(name));

    way->is_silent = g_hash_table_contains(plan->silent, path);
    if (way->is_silent)
        return NULL;
    take_in_hand(plan, path);
    if (lstat(path, &st) < 0) {
        if (directory->error == EACCES && errno != EACCES)
            note_unwatched(plan, at, EACCES);
        return NULL;
    }
    if (directory->error == EACCES)
        note_unwatched(plan, at, EACCES);
    if (S_ISREG(st.st_mode)) {
        watch_contents(plan, directory, at);
        if (st.st_nlink > 1)
            watch_inode(plan, path);
    }
    if (S_ISLNK(st.st_mode))
        *ret_link = read_link(plan, path);
    return S_ISDIR(st.st_mode) ? g_steal_pointer(&path) : NULL;
}

static void begin_way(const WatchPlan *plan, const char *path, Way *way) {
    const char *slash = strrchr(path, '/');
    g_autofree char *parent = g_strndup(path, (gsize)(slash - path));

    /* most paths share their directory with others */
    if (g_hash_table_contains(plan->directories, parent)) {
        way->at = g_steal_pointer(&parent);
        way->rest = g_strdup(slash);
    } else {
        way->at = g_strdup("/");
        way->rest = g_strdup(path);
    }
}

/* Removes and returns the next component of the rest of the way; NULL: it was the last one. */
static char *take_word(Way *way) {
    char *begin = way->rest + strspn(way->rest, "/");
    gsize length = strcspn(begin, "/");
    char *word = length > 0 ? g_strndup(begin, length) : NULL;
    char *rest = g_strdup(begin + length);

    g_free(way->rest);
    way->rest = rest;
    return word;
}

static void go_to(Way *way, char *at) {
    g_free(way->at);
    way->at = at;
}

static void turn_off(Way *way, const char *link) {
    char *rest = g_strconcat(link, "/", way->rest, NULL);

    g_free(way->rest);
    way->rest = rest;
    if (link[0] == '/')
        go_to(way, g_strdup("/"));
}

/* Follows PATH. Returns FALSE if it leads to or below a silent path. *RET is its path without links
 * if it is a directory, otherwise unchanged. */
static gboolean follow(WatchPlan *plan, const char *path, char **ret) {
    g_auto(Way) way = {};
    guint n_links = 0;
    char *word;

    begin_way(plan, path, &way);
    while ((word = take_word(&way))) {
        g_autofree char *name = word;
        const char *link = NULL;
        char *next;

        if (g_str_equal(name, "."))
            continue;
        if (g_str_equal(name, "..")) {
            go_to(&way, g_path_get_dirname(way.at));
            continue;
        }
        next = step(plan, &way, name, &link);
        if (next)
            go_to(&way, next);
        else if (link && ++n_links <= MAX_LINKS)
            turn_off(&way, link);
        else
            return !way.is_silent;
    }
    *ret = g_steal_pointer(&way.at);
    return TRUE;
}

gboolean watch_plan_add_file(WatchPlan *plan, const char *path) {
    g_autofree char *at = NULL;

    return follow(plan, path, &at);
}

gboolean watch_plan_add_directory(WatchPlan *plan, const char *path) {
    g_autofree char *at = NULL;
    Directory *directory;

    if (!follow(plan, path, &at))
        return FALSE;
    if (!at)
        return TRUE;

    directory = watch_directory(plan, at);
    take_in_hand(plan, at);
    watch_contents(plan, directory, at);
    directory->is_whole = TRUE;
    return TRUE;
}

static gboolean visit_file(const char *path, gpointer userdata) {
    return watch_plan_add_file(userdata, path);
}

static gboolean visit_directory(const char *path, gpointer userdata) {
    return watch_plan_add_directory(userdata, path);
}

FileVisitor watch_plan_get_visitor(WatchPlan *plan) {
    return (FileVisitor){.file = visit_file, .directory = visit_directory, .userdata = plan};
}

const char *watch_plan_get_unwatched(const WatchPlan *plan, int *ret_error) {
    *ret_error = plan->unwatched_error;
    return plan->unwatched;
}

gboolean watch_plan_has(const WatchPlan *plan, int wd) {
    return g_hash_table_contains(plan->by_wd, GINT_TO_POINTER(wd));
}

static gboolean concerns(const Directory *directory, const char *name) {
    return directory &&
            (directory->is_whole || name[0] == '\0' ||
             g_hash_table_contains(directory->names, name));
}

gboolean watch_plan_concerns(const WatchPlan *plan, int wd, const char *name) {
    return concerns(g_hash_table_lookup(plan->by_wd, GINT_TO_POINTER(wd)), name);
}

gboolean watch_plan_concerns_mount(const WatchPlan *plan, const char *mount_point) {
    g_autofree char *directory = g_path_get_dirname(mount_point);

    return concerns(
            g_hash_table_lookup(plan->directories, directory), strrchr(mount_point, '/') + 1);
}
