/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/convert.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "vm/confine.h"

#define MAX_MEMORY \
    (G_GUINT64_CONSTANT(1) << 30) /* bytes; QEMU 7.2's qemu-img takes below 200 MiB */
#define MAX_MESSAGE 4096          /* bytes */

/* TRUE while more is to come, and there is room for it. */
static gboolean read_message(int fd, GString *message) {
    char buffer[512];
    ssize_t n = read(fd, buffer, MIN(sizeof buffer, MAX_MESSAGE - message->len));

    if (n < 0)
        return errno == EINTR;
    g_string_append_len(message, buffer, n);
    return n > 0 && message->len < MAX_MESSAGE;
}

/* A caller may take a thread that does not run for one that a file system blocks. */
#define WAKE_UP_MSEC 1000

/* Waits until PID has ended. FALSE with errno: it has not within the time limit. */
static gboolean wait_for_end(GPid pid, int messages, GString *message) {
    gint64 deadline = g_get_monotonic_time() + CONVERT_TIMEOUT_SEC * G_USEC_PER_SEC;
    g_auto(FileFd) end = pidfd_open(pid, 0);
    struct pollfd fds[] = {{.fd = end, .events = POLLIN}, {.fd = messages, .events = POLLIN}};

    if (end < 0)
        return FALSE;
    while (TRUE) {
        gint64 left = deadline - g_get_monotonic_time();

        if (left <= 0) {
            errno = ETIMEDOUT;
            return FALSE;
        }
        if (poll(fds, G_N_ELEMENTS(fds), MIN((int)(left / 1000) + 1, WAKE_UP_MSEC)) < 0 &&
            errno != EINTR)
            return FALSE;
        if (fds[1].revents && !read_message(messages, message))
            fds[1] = (struct pollfd){.fd = -1};
        else if (!fds[1].revents && fds[0].revents)
            return TRUE;
    }
}

static gboolean run(const char *const *arguments, int input, int output, GError **error) {
    const ConfinedProgram program = {
            .arguments = arguments,
            .max_memory = MAX_MEMORY,
            .max_file_size = CONVERT_MAX_SIZE,
            .max_cpu = CONVERT_TIMEOUT_SEC,
            .input = input,
            .output = output,
    };
    g_autoptr(GString) message = g_string_new(NULL);
    g_autoptr(GError) end_error = NULL;
    g_auto(FileFd) messages = FILE_FD_NONE;
    const char *fault = NULL;
    int status;
    GPid pid;

    if (!confine_spawn(&program, &pid, NULL, NULL, &messages, &end_error)) {
        g_set_error_literal(error, FIRMWARE_ERROR, FIRMWARE_ERROR_IO, end_error->message);
        return FALSE;
    }
    if (!wait_for_end(pid, messages, message))
        fault = g_strerror(errno);
    status = confine_end(pid);
    if (!fault && g_spawn_check_wait_status(status, &end_error))
        return TRUE;

    if (!fault)
        fault = *g_strchomp(message->str) ? message->str : end_error->message;
    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_IO, "qemu-img does not convert the image: %s",
            fault);
    return FALSE;
}

gboolean convert_image(
        int input, ImageFormat input_format, int output, ImageFormat output_format,
        GError **error) {
    g_autofree char *qemu_img = g_find_program_in_path("qemu-img");
    const char *const arguments[] = {
            qemu_img,      "convert",
            "-f",          image_format_to_string(input_format),
            "-O",          image_format_to_string(output_format),
            CONFINE_INPUT, CONFINE_OUTPUT,
            NULL,
    };

    if (qemu_img)
        return run(arguments, input, output, error);
    g_set_error_literal(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_NOT_SUPPORTED,
            "converting an image needs qemu-img, which is not installed (Debian: qemu-utils)");
    return FALSE;
}
