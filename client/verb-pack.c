/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "error.h"
#include "keys.h"
#include "packed.h"
#include "receive.h"
#include "savefile.h"
#include "verbs.h"
#include "vm.h"

/* The verb pack: a virtual machine's pin and NVRAM as one archive. */

static gboolean export_nvram(Context *context, const char *path, PackFile *file, GError **error) {
    GVariant *options = keys_from_options(context->options, OPTIONS_LIVE, NULL, error);
    g_auto(Reply) reply = {};
    gint32 fd;

    if (!options ||
        !connection_call(
                context->connection, CALL_CHANGE, context->what, path, BUS_VM_INTERFACE, "Export",
                g_variant_new("(@a{sv})", options), "(ht)", &reply, error))
        return FALSE;
    g_variant_get(reply.body, "(ht)", &fd, &file->nvram_size);
    if (file->nvram_size > PACKFILE_MAX_NVRAM)
        return client_error_set(
                error, CLIENT_ERROR_FAILURE,
                "%s: its NVRAM has %" G_GUINT64_FORMAT " bytes; an archive takes %d", context->what,
                file->nvram_size, PACKFILE_MAX_NVRAM);
    file->nvram = memfd_create("vmfirmwarectl", MFD_CLOEXEC);
    if (file->nvram < 0 || ftruncate(file->nvram, (off_t)file->nvram_size) < 0)
        return client_error_set(
                error, CLIENT_ERROR_FAILURE, "%s: %s", context->what, g_strerror(errno));
    return receive_nvram(context, fd, file->nvram, file->nvram_size, "the archive", error);
}

static GVariant *get_properties(Context *context, const char *path, GError **error) {
    return connection_get_properties(
            context->connection, context->what, path, BUS_VM_INTERFACE, error);
}

static GVariant *get_resolution(Context *context, const char *path, GError **error) {
    g_auto(Reply) reply = {};

    if (!connection_call(
                context->connection, CALL_READ, context->what, path, BUS_VM_INTERFACE,
                "GetResolution", g_variant_new_parsed("(@a{sv} {},)"), "(a{sv})", &reply, error))
        return NULL;
    return g_variant_get_child_value(reply.body, 0);
}

static gboolean has_same_pin(GVariant *before, GVariant *after) {
    static const char *const members[] = {"created",           "machine",         "firmware",
                                          "executable-digest", "template-digest", NULL};

    for (const char *const *member = members; *member; member++) {
        g_autoptr(GVariant) a = g_variant_lookup_value(before, *member, NULL);
        g_autoptr(GVariant) b = g_variant_lookup_value(after, *member, NULL);

        if (!a || !b || !g_variant_equal(a, b))
            return FALSE;
    }
    return TRUE;
}

static gboolean collect(Context *context, const char *id, PackFile *file, GError **error) {
    g_autofree char *path = vm_find(context, id, error);
    g_autoptr(GVariant) properties = path ? get_properties(context, path, error) : NULL;
    g_autoptr(GVariant) resolution = properties ? get_resolution(context, path, error) : NULL;
    g_autoptr(GVariant) nvram = NULL;
    g_autoptr(GVariant) after = NULL;
    const char *format = "";
    int r;

    if (!resolution)
        return FALSE;
    nvram = g_variant_lookup_value(properties, "nvram", G_VARIANT_TYPE_VARDICT);
    if (nvram) {
        (void)g_variant_lookup(nvram, "format", "&s", &format);
        file->nvram_name = g_strdup(packfile_get_nvram_name(format));
        if (!file->nvram_name)
            return client_error_set(
                    error, CLIENT_ERROR_FAILURE, "%s: its NVRAM is in the format \"%s\"",
                    context->what, format);
        if (!export_nvram(context, path, file, error))
            return FALSE;
    }
    after = get_properties(context, path, error);
    if (!after)
        return FALSE;
    if (!has_same_pin(properties, after))
        return client_error_set(
                error, CLIENT_ERROR_FAILURE, "%s: it was changed meanwhile; try again",
                context->what);
    r = packed_add_records(file, id, properties, resolution);
    return r >= 0 ||
            client_error_set(error, CLIENT_ERROR_FAILURE, "%s: %s", context->what, g_strerror(-r));
}

static void tell(const Context *context, const char *id, const char *filename, guint64 size) {
    g_autofree char *absolute = g_canonicalize_filename(filename, NULL);
    g_autofree char *shown = g_filename_display_name(absolute);

    if (context->options->json != JSON_OFF)
        output_json(
                context->output,
                g_variant_new_parsed("{'id': <%s>, 'file': <%s>, 'size': <%t>}", id, shown, size));
}

gboolean verb_pack(Context *context, char **arguments, GError **error) {
    const char *id = arguments[0], *filename = arguments[1];
    g_auto(PackFile) file = PACKFILE_INIT;
    g_autoptr(SaveFile) save = NULL;
    off_t size;

    if (!collect(context, id, &file, error))
        return FALSE;
    if (g_str_equal(filename, "-"))
        return packfile_write(&file, STDOUT_FILENO, "standard output", error);

    save = savefile_open(filename, error);
    if (!save || !packfile_write(&file, savefile_get_fd(save), filename, error))
        return FALSE;
    size = lseek(savefile_get_fd(save), 0, SEEK_END);
    if (!savefile_publish(save, error))
        return FALSE;
    tell(context, id, filename, (guint64)size);
    return TRUE;
}
