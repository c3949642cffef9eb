/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-login.h>
#include <unistd.h>

#include "base/file.h"

/* The agent closes this descriptor when it is registered: any number but those of the standard
 * streams. */
#define NOTIFY_FD 3
/* An agent that fails to register exits, which closes the pipe as well. */
#define START_TIMEOUT_MSEC 10000

struct Agent {
    GPid pid;
};

/* Runs between fork and exec: the agent must not outlive the client. */
static void die_with_parent(gpointer userdata) {
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
}

/* In a session the session's agent has precedence, as with systemd's tools. polkit looks for
 * fallback agents in sessions only, so outside of one the agent must not be one. */
static const char *get_fallback_option(void) {
    char *session = NULL;

    if (sd_pid_get_session(0, &session) < 0)
        return NULL;
    free(session);
    return "--fallback";
}

Agent *agent_start(void) {
    const char *const command[] = {
            "pkttyagent", "--notify-fd", G_STRINGIFY(NOTIFY_FD), get_fallback_option(), NULL};
    int ends[2];
    struct pollfd wait;
    g_auto(FileFd) read_end = FILE_FD_NONE, write_end = FILE_FD_NONE;
    Agent *agent;
    GPid pid;

    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO) || pipe2(ends, O_CLOEXEC) < 0)
        return NULL;
    read_end = ends[0];
    write_end = ends[1];

    if (!g_spawn_async_with_pipes_and_fds(
                NULL, command, NULL,
                G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_CHILD_INHERITS_STDIN,
                die_with_parent, NULL, -1, -1, -1, &write_end, &(int){NOTIFY_FD}, 1, &pid, NULL,
                NULL, NULL, NULL))
        return NULL;
    file_fd_close(write_end);
    write_end = FILE_FD_NONE;

    wait = (struct pollfd){.fd = read_end};
    while (poll(&wait, 1, START_TIMEOUT_MSEC) < 0 && errno == EINTR)
        ;
    agent = g_new0(Agent, 1);
    agent->pid = pid;
    return agent;
}

void agent_stop(Agent *agent) {
    if (!agent)
        return;
    (void)kill(agent->pid, SIGTERM);
    /* an agent that the terminal stopped must continue to terminate */
    (void)kill(agent->pid, SIGCONT);
    while (waitpid(agent->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    g_spawn_close_pid(agent->pid);
    g_free(agent);
}
