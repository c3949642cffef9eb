/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>
#include <unistd.h>

#include "error.h"
#include "import-domain.h"
#include "keys.h"
#include "receive.h"
#include "render.h"
#include "savefile.h"
#include "verbs.h"
#include "vm.h"

/* Verbs that move NVRAM: export, import. */

static gboolean save(
        Context *context, int from, guint64 size, const char *filename, GError **error) {
    g_autoptr(SaveFile) file = savefile_open(filename, error);

    if (!file || !receive_nvram(context, from, savefile_get_fd(file), size, filename, error))
        return FALSE;
    if (ftruncate(savefile_get_fd(file), (off_t)size) < 0) {
        g_set_error(
                error, CLIENT_ERROR, CLIENT_ERROR_FAILURE, "%s: %s", filename, g_strerror(errno));
        return FALSE;
    }
    return savefile_publish(file, error);
}

static void tell_export(Context *context, const char *id, const char *filename, guint64 size) {
    g_autofree char *absolute = g_canonicalize_filename(filename, NULL);
    g_autofree char *shown = g_filename_display_name(absolute);

    if (context->options->json == JSON_OFF)
        return;
    output_json(
            context->output,
            g_variant_new_parsed("{'id': <%s>, 'file': <%s>, 'size': <%t>}", id, shown, size));
}

gboolean verb_export(Context *context, char **arguments, GError **error) {
    GVariant *options;
    g_auto(Reply) reply = {};
    guint64 size;
    gint32 fd;

    if (options_get(context->options, "backup") && options_get(context->options, "index"))
        return client_error_set(
                error, CLIENT_ERROR_USAGE, "export: --backup and --index exclude each other");
    options = keys_from_options(
            context->options, OPTIONS_LIVE | OPTIONS_BACKUP | OPTIONS_INDEX, NULL, error);
    if (!options)
        return FALSE;
    if (!vm_call(
                context, arguments[0], "Export", g_variant_new("(@a{sv})", options), "(ht)", &reply,
                error))
        return FALSE;
    g_variant_get(reply.body, "(ht)", &fd, &size);

    if (g_str_equal(arguments[1], "-"))
        return receive_nvram(context, fd, STDOUT_FILENO, size, "standard output", error);
    if (!save(context, fd, size, arguments[1], error))
        return FALSE;
    tell_export(context, arguments[0], arguments[1], size);
    return TRUE;
}

/* ID FILE: the NVRAM of an existing virtual machine. */
static gboolean import_nvram(Context *context, char **arguments, GError **error) {
    GVariant *options;
    g_auto(FileFd) fd = FILE_FD_NONE;
    g_auto(Reply) reply = {};

    if (!options_check(
                context->options,
                OPTIONS_OWNER | OPTIONS_DIRECTORY | OPTIONS_MACHINES | OPTIONS_SOURCES |
                        OPTIONS_SOURCE_FORMAT,
                "import of a virtual machine that is there", error) ||
        !keys_open_content(arguments[1], &fd, error))
        return FALSE;
    options = keys_from_options(context->options, OPTIONS_SOURCE_FORMAT, NULL, error);
    if (!options)
        return FALSE;
    if (!vm_call(
                context, arguments[0], "Import", g_variant_new("(h@a{sv})", fd, options), "()",
                &reply, error))
        return FALSE;
    vm_tell(context, arguments[0], NULL);
    return TRUE;
}

/* ID ARCHITECTURE MACHINE FILE: a new virtual machine. */
static gboolean import_vm(Context *context, char **arguments, GError **error) {
    GVariant *options;
    g_auto(FileFd) fd = FILE_FD_NONE;
    g_auto(Reply) reply = {};
    g_autoptr(GVariant) resolution = NULL;

    if (!keys_open_content(arguments[3], &fd, error))
        return FALSE;
    options = keys_from_options(
            context->options,
            OPTIONS_REQUIREMENTS | OPTIONS_RENDER | OPTIONS_OWNER | OPTIONS_REFERENCE |
                    OPTIONS_SOURCE_FORMAT,
            NULL, error);
    if (!options)
        return FALSE;
    if (!connection_call_manager(
                context->connection, CALL_CHANGE, context->what, "ImportVM",
                g_variant_new(
                        "(sssh@a{sv})", arguments[0], arguments[1], arguments[2], fd, options),
                "(oa{sv})", &reply, error))
        return FALSE;
    resolution = g_variant_get_child_value(reply.body, 1);
    render_resolution(context->output, context->options, resolution);
    return TRUE;
}

gboolean verb_import(Context *context, char **arguments, GError **error) {
    guint n_arguments = g_strv_length(arguments);

    if (options_get(context->options, "libvirt") && n_arguments <= 1)
        return import_domain(context, arguments[0], error);
    if (options_get(context->options, "libvirt") || (n_arguments != 2 && n_arguments != 4)) {
        g_set_error(
                error, CLIENT_ERROR, CLIENT_ERROR_USAGE,
                "import: it takes ID ARCHITECTURE MACHINE FILE, or ID FILE, or with --libvirt ID or "
                "nothing");
        return FALSE;
    }
    return n_arguments == 2 ? import_nvram(context, arguments, error)
                            : import_vm(context, arguments, error);
}
