/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/file.h"
#include "command.h"
#include "error.h"
#include "vm.h"

/* The verb lease: holds the lease of a virtual machine for a program that does not hold it itself,
 * such as a QEMU that another daemon starts. */

/* How long the file of --pid-file may lack the PID of a process: a VM manager that has the lease
 * still has to start QEMU. Two minutes are what systemd gives a service to start, and some. */
#define PID_FILE_TIMEOUT_SEC 120
#define PID_FILE_INTERVAL_USEC (G_USEC_PER_SEC / 5)

/* Returns a pidfd, or a negative errno; -EINVAL: TEXT is no PID. */
static int open_process(const char *text) {
    guint64 pid;
    int fd;

    if (!g_ascii_string_to_unsigned(text, 10, 1, G_MAXINT, &pid, NULL))
        return -EINVAL;
    fd = pidfd_open((pid_t)pid, 0);
    return fd < 0 ? -errno : fd;
}

static gboolean open_given_process(const char *text, FileFd *ret_fd, GError **error) {
    int r = open_process(text);

    if (r == -EINVAL)
        return client_error_set(
                error, CLIENT_ERROR_USAGE, "lease: --pid=%s: it is no process ID", text);
    if (r < 0)
        return client_error_set(
                error, CLIENT_ERROR_FAILURE, "lease: --pid=%s: %s", text, g_strerror(-r));
    *ret_fd = r;
    return TRUE;
}

/* The file is written by another program, at any time: an incomplete number names no process, or
 * another one, so it must end with a newline. */
static int read_pid_file(const char *path) {
    g_autofree char *text = NULL;
    char *end;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return -ENOENT;
    end = strchr(text, '\n');
    if (!end)
        return -ENODATA;
    *end = '\0';
    return open_process(text);
}

static gboolean wait_for_pid_file(
        const Context *context, const char *path, FileFd *ret_fd, GError **error) {
    gint64 deadline = g_get_monotonic_time() + PID_FILE_TIMEOUT_SEC * G_USEC_PER_SEC;
    int r;

    while ((r = read_pid_file(path)) < 0) {
        if (g_get_monotonic_time() > deadline)
            return client_error_set(
                    error, CLIENT_ERROR_FAILURE,
                    "%s: %s has named no process within %d s (%s); the lease is given back",
                    context->what, path, PID_FILE_TIMEOUT_SEC, g_strerror(-r));
        g_usleep(PID_FILE_INTERVAL_USEC);
    }
    *ret_fd = r;
    return TRUE;
}

static void wait_for_end(int process) {
    struct pollfd wait = {.fd = process, .events = POLLIN};

    while (poll(&wait, 1, -1) < 0 && errno == EINTR)
        ;
}

/* Holds the lease in this process; returns when the other one has ended. */
static gboolean hold(Context *context, FileFd *process, GError **error) {
    const char *pid_file = options_get(context->options, "pid-file");

    g_clear_pointer(&context->connection, connection_close);
    if (isatty(STDERR_FILENO))
        (void)fprintf(stderr, "vmfirmwarectl: %s: held; Ctrl-C gives it back\n", context->what);
    if (pid_file && !wait_for_pid_file(context, pid_file, process, error))
        return FALSE;
    if (*process < 0)
        for (;;)
            (void)pause();
    wait_for_end(*process);
    return TRUE;
}

/* What ends the lease is one thing: COMMAND, --pid or --pid-file. */
static gboolean check_end(const Options *options, const char *command, GError **error) {
    unsigned n = (command != NULL) + (options_get(options, "pid") != NULL) +
            (options_get(options, "pid-file") != NULL);

    return n <= 1 ||
            client_error_set(
                    error, CLIENT_ERROR_USAGE,
                    "lease: COMMAND, --pid and --pid-file exclude each other");
}

gboolean verb_lease(Context *context, char **arguments, GError **error) {
    char **command = *(arguments + 1) ? arguments + 1 : NULL;
    const char *pid = options_get(context->options, "pid");
    g_autofree char *path = NULL;
    g_auto(FileFd) process = FILE_FD_NONE;
    g_auto(FileFd) held = FILE_FD_NONE;
    g_auto(Reply) reply = {};
    GVariantDict options = G_VARIANT_DICT_INIT(NULL);
    gint32 lease;

    if (!check_end(context->options, command ? *command : NULL, error) ||
        (pid && !open_given_process(pid, &process, error)))
        return FALSE;
    path = command ? command_find("lease", *command, error) : NULL;
    if (command && !path)
        return FALSE;

    /* a process that runs already may be the QEMU that has the NVRAM open */
    if (pid)
        g_variant_dict_insert(&options, "live", "b", TRUE);
    if (!vm_call(
                context, arguments[0], "Acquire",
                g_variant_new("(@a{sv})", g_variant_dict_end(&options)), "(h)", &reply, error))
        return FALSE;
    g_variant_get(reply.body, "(h)", &lease);
    /* that of --directory would end with the connection */
    held = command_inherit(lease);
    if (held < 0)
        return client_error_set(
                error, CLIENT_ERROR_FAILURE, "%s: %s", context->what, g_strerror(-held));

    (void)sd_notify(0, "READY=1\nSTATUS=The lease is held.");
    if (!command)
        return hold(context, &process, error);
    command_execute(context, "lease", path, command, error);
    return FALSE;
}
