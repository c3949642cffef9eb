/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "pager.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <systemd/sd-login.h>
#include <unistd.h>

#include "base/file.h"

struct Pager {
    GPid pid;
};

static const char *get_setting(const char *name, const char *fallback) {
    const char *value = g_getenv(name);

    return value ? value : fallback;
}

/* As in systemd's tools: a user with raised privileges gets a pager that runs no commands, unless
 * $SYSTEMD_PAGERSECURE says otherwise. */
static gboolean is_secure(void) {
    const char *value = g_getenv("SYSTEMD_PAGERSECURE");
    static const char *const no[] = {"0", "no", "n", "false", "f", "off", NULL};
    uid_t owner;

    if (value)
        return !g_strv_contains(no, value);
    return sd_pid_get_owner_uid(0, &owner) >= 0 && owner != geteuid();
}

static GStrv make_environment(gboolean secure) {
    GStrv environment = g_get_environ();
    const char *charset = g_getenv("SYSTEMD_LESSCHARSET");

    environment =
            g_environ_setenv(environment, "LESS", get_setting("SYSTEMD_LESS", "FRSXMK"), TRUE);
    if (charset)
        environment = g_environ_setenv(environment, "LESSCHARSET", charset, TRUE);
    if (secure)
        environment = g_environ_setenv(environment, "LESSSECURE", "1", TRUE);
    return environment;
}

static gboolean spawn(const char *command, GStrv environment, GPid *ret_pid, int *ret_fd) {
    g_auto(GStrv) words = NULL;

    if (!g_shell_parse_argv(command, NULL, &words, NULL))
        return FALSE;
    return g_spawn_async_with_pipes(
            NULL, words, environment,
            G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_LEAVE_DESCRIPTORS_OPEN, NULL,
            NULL, ret_pid, ret_fd, NULL, NULL, NULL);
}

Pager *pager_start(void) {
    const char *wanted = get_setting("SYSTEMD_PAGER", g_getenv("PAGER"));
    gboolean secure = is_secure();
    g_auto(GStrv) environment = make_environment(secure);
    /* only less has a secure mode */
    const char *const commands[] = {secure ? NULL : wanted, "less", secure ? NULL : "more"};
    GPid pid = 0;
    g_auto(FileFd) input = FILE_FD_NONE;
    Pager *pager;

    if (wanted && (*wanted == '\0' || g_str_equal(wanted, "cat")))
        return NULL;

    for (guint i = 0; i < G_N_ELEMENTS(commands) && pid == 0; i++)
        if (commands[i] && !spawn(commands[i], environment, &pid, &input))
            pid = 0;
    if (pid == 0)
        return NULL;

    (void)fflush(stdout);
    if (dup2(input, STDOUT_FILENO) < 0)
        g_error("dup2: %s", g_strerror(errno));
    /* unread output is no failure, and Ctrl-C is for the pager */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);

    pager = g_new0(Pager, 1);
    pager->pid = pid;
    return pager;
}

void pager_wait(Pager *pager) {
    /* the pager reads EOF once all writers have closed the pipe */
    (void)fclose(stdout);
    while (waitpid(pager->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    g_spawn_close_pid(pager->pid);
    g_free(pager);
}
