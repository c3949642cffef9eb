/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "command-qemu.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "sources.h"

/* Where a service of systemd finds its programs, and RHEL's only emulator. */
static const char *const places[] = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin",
                                     "/sbin",           "/bin",           NULL};
#define HOST_EMULATOR "/usr/libexec/qemu-kvm"

/* Another program, such as sudo, must not be started with QEMU's arguments. */
static gboolean is_qemu(const char *path) {
    g_autofree char *name = g_path_get_basename(path);

    return g_str_has_prefix(name, "qemu-system-") || g_str_equal(name, "qemu-kvm") ||
            g_str_equal(name, "kvm");
}

static gboolean is_same_file(const char *a, const char *b) {
    struct stat st_a;
    struct stat st_b;

    return stat(a, &st_a) == 0 && stat(b, &st_b) == 0 && st_a.st_dev == st_b.st_dev &&
            st_a.st_ino == st_b.st_ino;
}

/* The first one in PLACES is the one that the service asks. */
static gboolean is_installed(const char *path, const char *architecture) {
    g_autofree char *name = g_strconcat("qemu-system-", architecture, NULL);

    for (const char *const *place = places; *place; place++) {
        g_autofree char *candidate = g_build_filename(*place, name, NULL);

        if (g_file_test(candidate, G_FILE_TEST_IS_EXECUTABLE))
            return is_same_file(path, candidate);
    }
    return is_same_file(path, HOST_EMULATOR);
}

static void tell_silence(const Emulator *emulator) {
    g_autofree char *line = g_strdup_printf(
            "vmfirmwarectl: %s does not tell its version (%s): its arguments are those of the "
            "installed QEMU, or of --qemu-version=",
            emulator->path, emulator->fault ? emulator->fault : "no answer");
    g_autofree char *safe = text_make_printable(line);

    (void)fprintf(stderr, "%s\n", safe);
}

Emulator *command_qemu_ask(const char *path, const char *architecture) {
    g_autoptr(Emulator) emulator = NULL;

    if (!is_qemu(path) || is_installed(path, architecture))
        return NULL;
    emulator = emulator_new(architecture, path);
    if (!emulator)
        return NULL;
    sources_ask_emulator(emulator);
    if (emulator->version)
        return g_steal_pointer(&emulator);
    tell_silence(emulator);
    return NULL;
}

const char *command_qemu_get_machine(const Emulator *emulator, const char *machine) {
    for (guint i = 0; i < emulator->types->len; i++) {
        const EmulatorType *type = emulator->types->pdata[i];

        if (g_strcmp0(type->alias, machine) == 0)
            return type->name;
    }
    return machine;
}

/* The value of -device and -object begins with the type. */
static gboolean is_of_type(const char *value, const char *type) {
    gsize length = strlen(type);

    return g_str_has_prefix(value, type) && (value[length] == ',' || value[length] == '\0');
}

const char *command_qemu_find_lacking(const Emulator *emulator, char *const *arguments) {
    for (guint i = 0; i < emulator->lacks->len; i++)
        for (char *const *argument = arguments; *argument; argument++)
            if (is_of_type(*argument, emulator->lacks->pdata[i]))
                return emulator->lacks->pdata[i];
    return NULL;
}
