/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "ephemeral.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/root.h"
#include "error.h"
#include "output.h"

#define PREFIX "vmfirmwarectl-ephemeral-"
#define MARK_NAME ".vmfirmwarectl"
#define LEASE_NAME "lock"
/* another process may remove a directory that has no mark yet */
#define MAKE_ATTEMPTS 16

struct Ephemeral {
    char *path;
    FileFd mark;
};

/* -- the mark ------------------------------------------------------------------------------ */

/* Whoever has the mark of DIR_FD, owner or sweeper, is alone with the directory. FLAGS: O_EXCL, or
 * 0. -EAGAIN: another process has the mark, or has removed the directory with it. */
static int take_mark(int dir_fd, int flags, FileFd *ret) {
    const int all_flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags;
    g_auto(FileFd) fd = openat(dir_fd, MARK_NAME, all_flags, 0600);
    struct stat st;

    if (fd < 0)
        return errno == ENOENT || errno == EEXIST ? -EAGAIN : -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (st.st_nlink == 0)
        return -EAGAIN;

    *ret = fd;
    fd = FILE_FD_NONE;
    return 0;
}

/* -- removal ------------------------------------------------------------------------------- */

/* LAST: what is removed after all else in the directory NAME, or NULL. */
static void remove_tree(int parent_fd, const char *name, const char *last) {
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    g_autoptr(RootDirectory) directory = fd < 0 ? NULL : fdopendir(fd);
    const char *entry;
    int r;

    if (!directory) {
        (void)unlinkat(parent_fd, name, 0);
        return;
    }
    while ((r = root_directory_next(directory, &entry)) > 0)
        if (!g_str_equal(entry, ".") && !g_str_equal(entry, "..") && g_strcmp0(entry, last) != 0)
            remove_tree(fd, entry, NULL);
    if (r == 0 && last)
        (void)unlinkat(fd, last, 0);
    (void)unlinkat(parent_fd, name, AT_REMOVEDIR);
}

/* FALSE: another process holds it. A missing one is not held. */
static gboolean take_lease(int dir_fd, FileFd *ret) {
    *ret = openat(dir_fd, LEASE_NAME, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    return *ret < 0 || flock(*ret, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

/* The caller has the mark. FALSE: a process has the VM's lease. */
static gboolean remove_unless_leased(const char *path) {
    g_auto(FileFd) dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    g_auto(FileFd) lease = FILE_FD_NONE;

    if (dir >= 0 && !take_lease(dir, &lease))
        return FALSE;
    /* without the mark, another process may take the directory for its own */
    remove_tree(AT_FDCWD, path, MARK_NAME);
    return TRUE;
}

static void sweep_one(int dir_fd, const char *parent, const char *name) {
    g_autofree char *path = g_build_filename(parent, name, NULL);
    g_auto(FileFd) dir = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    g_auto(FileFd) mark = FILE_FD_NONE;
    struct stat st;

    if (dir >= 0 && fstat(dir, &st) == 0 && st.st_uid == geteuid() && take_mark(dir, 0, &mark) == 0)
        (void)remove_unless_leased(path);
}

static void sweep(const char *parent) {
    g_autoptr(RootDirectory) directory = opendir(parent);
    const char *entry;

    while (directory && root_directory_next(directory, &entry) > 0)
        if (g_str_has_prefix(entry, PREFIX))
            sweep_one(dirfd(directory), parent, entry);
}

/* -- the directory ------------------------------------------------------------------------- */

/* -EAGAIN: another process has taken it for one that was left. */
static int make_one(Ephemeral *ephemeral, const char *parent) {
    g_autofree char *path = g_build_filename(parent, PREFIX "XXXXXX", NULL);
    g_auto(FileFd) dir = FILE_FD_NONE;

    if (!g_mkdtemp_full(path, 0700))
        return -errno;
    g_free(ephemeral->path);
    ephemeral->path = g_steal_pointer(&path);
    dir = open(ephemeral->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return errno == ENOENT ? -EAGAIN : -errno;
    return take_mark(dir, O_EXCL, &ephemeral->mark);
}

static int make(Ephemeral *ephemeral, const char *parent) {
    int r = -EAGAIN;

    for (int i = 0; r == -EAGAIN && i < MAKE_ATTEMPTS; i++)
        r = make_one(ephemeral, parent);
    return r;
}

Ephemeral *ephemeral_new(GError **error) {
    g_autoptr(Ephemeral) ephemeral = g_new0(Ephemeral, 1);
    g_autofree char *parent = g_canonicalize_filename(g_get_tmp_dir(), NULL);
    int r;

    ephemeral->mark = FILE_FD_NONE;
    sweep(parent);
    r = make(ephemeral, parent);
    if (r == 0)
        return g_steal_pointer(&ephemeral);
    (void)client_error_set(
            error, CLIENT_ERROR_FAILURE, "--ephemeral: %s: %s; name another directory with TMPDIR",
            parent, g_strerror(-r));
    return NULL;
}

const char *ephemeral_get_path(const Ephemeral *ephemeral) {
    return ephemeral->path;
}

void ephemeral_free(Ephemeral *ephemeral) {
    if (!ephemeral)
        return;
    if (ephemeral->path && !remove_unless_leased(ephemeral->path)) {
        g_autofree char *text = g_strdup_printf(
                "--ephemeral: a process that the command has left behind uses %s; the next "
                "--ephemeral removes it",
                ephemeral->path);

        output_warning(text);
    }
    file_fd_close(ephemeral->mark);
    g_free(ephemeral->path);
    g_free(ephemeral);
}

/* -- the command --------------------------------------------------------------------------- */

static const int passed_signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

static void block_signals(sigset_t *ret_set, sigset_t *ret_old) {
    (void)sigemptyset(ret_set);
    (void)sigaddset(ret_set, SIGCHLD);
    for (guint i = 0; i < G_N_ELEMENTS(passed_signals); i++)
        (void)sigaddset(ret_set, passed_signals[i]);
    (void)sigprocmask(SIG_BLOCK, ret_set, ret_old);
}

G_NORETURN static void execute(pid_t parent, const char *path, char **words, const sigset_t *mask) {
    /* Whoever kills this program means the command, and cannot clean up after both. */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_FAILURE);
    (void)sigprocmask(SIG_SETMASK, mask, NULL);
    (void)execv(path, words);
    (void)fprintf(stderr, "vmfirmwarectl: run: cannot execute %s: %s\n", path, g_strerror(errno));
    _exit(EXIT_FAILURE);
}

static int wait_for(pid_t child, const sigset_t *set) {
    siginfo_t info;
    int status;

    for (;;) {
        pid_t pid = waitpid(child, &status, WNOHANG);

        if (pid != 0)
            return pid < 0 ? -errno : status;
        /* the terminal sends its signals to both */
        if (sigwaitinfo(set, &info) > 0 && info.si_signo != SIGCHLD && info.si_code <= 0)
            (void)kill(child, info.si_signo);
    }
}

int ephemeral_run(const char *path, char **words) {
    pid_t parent = getpid(), child;
    sigset_t set, old;
    int status;

    block_signals(&set, &old);
    /* ignored, it would let the kernel forget the child's status */
    (void)signal(SIGCHLD, SIG_DFL);
    child = fork();
    if (child == 0)
        execute(parent, path, words, &old);
    status = child < 0 ? -errno : wait_for(child, &set);
    (void)sigprocmask(SIG_SETMASK, &old, NULL);
    return status;
}
