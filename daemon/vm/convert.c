/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/convert.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"

static gboolean find_programs(GError **error) {
    static const struct {
        const char *program;
        const char *package; /* Debian's */
    } needed[] = {
            {"qemu-img", "qemu-utils"},
            {"setpriv", "util-linux"},
            {"prlimit", "util-linux"},
            {"timeout", "coreutils"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(needed); i++) {
        g_autofree char *path = g_find_program_in_path(needed[i].program);

        if (path)
            continue;
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_NOT_SUPPORTED,
                "converting an image needs %s, which is not installed (Debian: %s)",
                needed[i].program, needed[i].package);
        return FALSE;
    }
    return TRUE;
}

gboolean convert_image(
        const char *from, ImageFormat from_format, const char *to, ImageFormat to_format,
        GError **error) {
    g_autofree char *max_size = g_strdup_printf("--fsize=%d", CONVERT_MAX_SIZE);
    g_autofree char *max_cpu = g_strdup_printf("--cpu=%d", CONVERT_TIMEOUT_SEC);
    g_autofree char *timeout = g_strdup_printf("%d", CONVERT_TIMEOUT_SEC);
    g_autofree char *message = NULL;
    g_autoptr(GError) spawn_error = NULL;
    const char *const as_root[] = {
            /* for uid 0 a capability is gone only when its bound is */
            "setpriv",
            "--bounding-set=-all",
            "--",
            NULL,
    };
    const char *const command[] = {
            "setpriv",
            "--no-new-privs",
            "--inh-caps=-all",
            "--ambient-caps=-all",
            "--",
            "prlimit",
            max_size,
            max_cpu,
            "--",
            "timeout",
            "--signal=KILL",
            timeout,
            "qemu-img",
            "convert",
            "-f",
            image_format_to_string(from_format),
            "-O",
            image_format_to_string(to_format),
            from,
            to,
            NULL,
    };
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    g_auto(GStrv) arguments = NULL;
    int status;

    if (geteuid() == 0)
        g_strv_builder_addv(builder, (const char **)as_root);
    g_strv_builder_addv(builder, (const char **)command);
    arguments = g_strv_builder_end(builder);

    if (!find_programs(error))
        return FALSE;

    if (g_spawn_sync(
                NULL, arguments, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL,
                NULL, &message, &status, &spawn_error) &&
        g_spawn_check_wait_status(status, &spawn_error))
        return TRUE;

    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_IO, "qemu-img does not convert the image: %s",
            message && *message ? g_strchomp(message) : spawn_error->message);
    return FALSE;
}
