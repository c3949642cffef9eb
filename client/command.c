/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "error.h"

char *command_find(const char *verb, const char *name, GError **error) {
    char *path = g_find_program_in_path(name);

    if (!path)
        g_set_error(
                error, CLIENT_ERROR, CLIENT_ERROR_FAILURE,
                "%s: %s: no such command; is it installed?", verb, name);
    return path;
}

int command_inherit(int fd) {
    int copy = fcntl(fd, F_DUPFD, STDERR_FILENO + 1);

    return copy < 0 ? -errno : copy;
}

void command_execute(
        Context *context, const char *verb, const char *path, char **words, GError **error) {
    g_clear_pointer(&context->connection, connection_close);
    (void)execv(path, words);
    g_set_error(
            error, CLIENT_ERROR, CLIENT_ERROR_FAILURE, "%s: cannot execute %s: %s", verb, path,
            g_strerror(errno));
}
