/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "virsh.h"

#include "error.h"

char *virsh_run(const char *const *words, GError **error) {
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    g_auto(GStrv) command = NULL;
    g_autofree char *output = NULL;
    g_autofree char *problems = NULL;
    g_auto(GStrv) lines = NULL;
    g_autofree char *line = NULL;
    g_autoptr(GError) failure = NULL;
    int status;

    g_strv_builder_add_many(builder, "virsh", "--quiet", NULL);
    g_strv_builder_addv(builder, (const char **)words);
    command = g_strv_builder_end(builder);
    if (g_spawn_sync(
                NULL, command, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &output, &problems, &status,
                &failure) &&
        g_spawn_check_wait_status(status, &failure))
        return g_steal_pointer(&output);
    lines = g_strsplit(problems && *g_strstrip(problems) ? problems : failure->message, "\n", -1);
    line = g_strjoinv("; ", lines);
    (void)client_error_set(error, CLIENT_ERROR_FAILURE, "virsh: %s", line);
    return NULL;
}
