/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "savefile.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "base/file.h"

struct SaveFile {
    char *filename;  /* as typed */
    char *target;    /* links resolved */
    char *temporary; /* NULL once it is published */
    FileFd fd;
};

static const int ending_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};

/* For the signal handler, so there is one per program. Empty: nothing to remove. */
static char unfinished[PATH_MAX];

static void on_ending_signal(int number) {
    if (unfinished[0])
        (void)unlink(unfinished);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static void block_signals(sigset_t *ret_old) {
    sigset_t set;

    (void)sigemptyset(&set);
    for (guint i = 0; i < G_N_ELEMENTS(ending_signals); i++)
        (void)sigaddset(&set, ending_signals[i]);
    (void)sigprocmask(SIG_BLOCK, &set, ret_old);
}

static void handle_signals(void) {
    for (guint i = 0; i < G_N_ELEMENTS(ending_signals); i++) {
        struct sigaction old;

        /* keep ignored signals ignored, as nohup(1) sets them */
        if (sigaction(ending_signals[i], NULL, &old) == 0 && old.sa_handler == SIG_IGN)
            continue;
        (void)signal(ending_signals[i], on_ending_signal);
    }
}

static gboolean set_error(const char *filename, GError **error) {
    g_set_error(error, CLIENT_ERROR, CLIENT_ERROR_FAILURE, "%s: %s", filename, g_strerror(errno));
    return FALSE;
}

/* Finds the file that rename() replaces: never a device, and the target of a link. The kernel
 * follows the name, once: it rejects links that must not be followed (fs.protected_symlinks). */
static gboolean find_target(SaveFile *file, GError **error) {
    g_auto(FileFd) fd = open(file->filename, O_PATH | O_CLOEXEC);
    g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", fd);
    struct stat st;

    if (fd < 0) {
        if (errno != ENOENT)
            return set_error(file->filename, error);
        file->target = g_canonicalize_filename(file->filename, NULL);
        return TRUE;
    }
    if (fstat(fd, &st) < 0)
        return set_error(file->filename, error);
    if (!S_ISREG(st.st_mode)) {
        g_set_error(
                error, CLIENT_ERROR, CLIENT_ERROR_FAILURE,
                "%s: it is there, and no regular file; name another", file->filename);
        return FALSE;
    }

    file->target = g_file_read_link(link, NULL);
    return file->target || set_error(file->filename, error);
}

static gboolean make_temporary(SaveFile *file, GError **error) {
    g_autofree char *directory = g_path_get_dirname(file->target);
    g_autofree char *base = g_path_get_basename(file->target);
    g_autofree char *name = g_strdup_printf("%s/.%s.XXXXXX", directory, base);
    sigset_t old;

    if (strlen(name) >= sizeof(unfinished)) {
        errno = ENAMETOOLONG;
        return set_error(file->filename, error);
    }

    /* no signal may arrive between creating the file and recording its name */
    block_signals(&old);
    file->fd = mkostemp(name, O_CLOEXEC);
    if (file->fd >= 0)
        (void)g_strlcpy(unfinished, name, sizeof(unfinished));
    (void)sigprocmask(SIG_SETMASK, &old, NULL);

    if (file->fd < 0)
        return set_error(file->filename, error);
    file->temporary = g_steal_pointer(&name);
    return TRUE;
}

SaveFile *savefile_open(const char *filename, GError **error) {
    g_autoptr(SaveFile) file = g_new0(SaveFile, 1);

    file->filename = g_strdup(filename);
    file->fd = FILE_FD_NONE;
    if (!find_target(file, error))
        return NULL;
    handle_signals();
    if (!make_temporary(file, error))
        return NULL;
    return g_steal_pointer(&file);
}

int savefile_get_fd(const SaveFile *file) {
    return file->fd;
}

/* FALSE with errno. A directory that is unreadable, or whose file system does not support it,
 * cannot be synced. */
static gboolean sync_directory(const char *filename) {
    g_autofree char *directory = g_path_get_dirname(filename);
    g_auto(FileFd) fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 || fsync(fd) == 0 || errno == EINVAL;
}

gboolean savefile_publish(SaveFile *file, GError **error) {
    sigset_t old;
    gboolean is_renamed;

    if (fsync(file->fd) < 0)
        return set_error(file->filename, error);

    block_signals(&old);
    is_renamed = rename(file->temporary, file->target) == 0;
    if (is_renamed)
        unfinished[0] = '\0';
    (void)sigprocmask(SIG_SETMASK, &old, NULL);

    if (!is_renamed)
        return set_error(file->filename, error);
    g_clear_pointer(&file->temporary, g_free);
    return sync_directory(file->target) || set_error(file->filename, error);
}

void savefile_free(SaveFile *file) {
    if (!file)
        return;
    if (file->temporary) {
        (void)unlink(file->temporary);
        unfinished[0] = '\0';
    }
    file_fd_close(file->fd);
    g_free(file->temporary);
    g_free(file->target);
    g_free(file->filename);
    g_free(file);
}
