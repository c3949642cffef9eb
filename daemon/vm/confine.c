/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/confine.h"

#include <errno.h>
#include <linux/landlock.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/privilege.h"

#define HELPER "vmfirmware-confine"

/* Beside the service, or where programs in the directory of the client find it. The package may
 * have been replaced meanwhile: the directory is still the right one. */
static char *find_helper(GError **error) {
    g_autofree char *self = g_file_read_link("/proc/self/exe", error);
    g_autofree char *directory = self ? g_path_get_dirname(self) : NULL;
    g_autofree char *beside = directory ? g_build_filename(directory, HELPER, NULL) : NULL;

    if (!beside || g_file_test(beside, G_FILE_TEST_EXISTS))
        return g_steal_pointer(&beside);
    return g_canonicalize_filename(LIBEXECDIR_FROM_BINDIR "/" HELPER, directory);
}

G_GNUC_PRINTF(2, 3)
static void add_argument(GStrvBuilder *builder, const char *format, ...) {
    g_autofree char *argument = NULL;
    va_list args;

    va_start(args, format);
    argument = g_strdup_vprintf(format, args);
    va_end(args);
    g_strv_builder_add(builder, argument);
}

static GStrv make_command(const ConfinedProgram *program, const char *helper) {
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

    g_strv_builder_add(builder, helper);
    add_argument(builder, "--memory=%" G_GUINT64_FORMAT, program->max_memory);
    add_argument(builder, "--file-size=%" G_GUINT64_FORMAT, program->max_file_size);
    add_argument(builder, "--cpu=%u", program->max_cpu);
    if (program->input >= 0)
        g_strv_builder_add(builder, "--input=3");
    if (program->output >= 0)
        g_strv_builder_add(builder, "--output=4");
    g_strv_builder_add(builder, "--");
    g_strv_builder_addv(builder, (const char **)program->arguments);
    return g_strv_builder_end(builder);
}

/* No socket of the service manager's, and no words but English ones in an error. */
static GStrv make_environment(void) {
    GStrv environment = g_environ_setenv(NULL, "LC_ALL", "C.UTF-8", TRUE);
    const char *path = g_getenv("PATH");

    return path ? g_environ_setenv(environment, "PATH", path, TRUE) : environment;
}

gboolean confine_spawn(
        const ConfinedProgram *program, GPid *ret_pid, int *ret_stdin, int *ret_stdout,
        int *ret_stderr, GError **error) {
    g_autofree char *helper = find_helper(error);
    g_auto(GStrv) command = NULL;
    g_auto(GStrv) environment = make_environment();
    const int targets[] = {3, 4};
    int sources[G_N_ELEMENTS(targets)];
    int used_targets[G_N_ELEMENTS(targets)];
    const int files[] = {program->input, program->output};
    gsize n_files = 0;
    /* the service may be installed where nobody may not go, and the helper with it */
    PRIVILEGE_SCOPE(scope);

    if (!helper)
        return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++)
        if (files[i] >= 0) {
            sources[n_files] = files[i];
            used_targets[n_files++] = targets[i];
        }

    command = make_command(program, helper);
    return g_spawn_async_with_pipes_and_fds(
            "/", (const char *const *)command, (const char *const *)environment,
            G_SPAWN_DO_NOT_REAP_CHILD | (ret_stdout ? 0 : G_SPAWN_STDOUT_TO_DEV_NULL) |
                    (ret_stderr ? 0 : G_SPAWN_STDERR_TO_DEV_NULL),
            NULL, NULL, -1, -1, -1, sources, used_targets, n_files, ret_pid, ret_stdin, ret_stdout,
            ret_stderr, error);
}

int confine_end(GPid pid) {
    int status = 0;

    /* until the helper has made the group, it is alone */
    if (kill(-pid, SIGKILL) < 0)
        (void)kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

gboolean confine_has_landlock(void) {
    return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 1;
}
