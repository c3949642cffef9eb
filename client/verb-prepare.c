/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "command.h"
#include "error.h"
#include "keys.h"
#include "render.h"
#include "verbs.h"

/* Verbs that start virtual machines: prepare, run. Their first arguments are ID, ARCHITECTURE and
 * MACHINE. */

#define PREPARE_OPTIONS                                                                           \
    (OPTIONS_REQUIREMENTS | OPTIONS_RENDER | OPTIONS_OWNER | OPTIONS_CREATE | OPTIONS_REFERENCE | \
     OPTIONS_NVRAM_FORMAT)

/* KEYS is consumed. */
static gboolean prepare(
        Context *context, char **arguments, GVariantDict *keys, Reply *ret_reply, GError **error) {
    g_auto(FileFd) template = FILE_FD_NONE;
    GVariant *options;

    if (!keys_add_template(context->options, keys, &template, error)) {
        g_variant_dict_clear(keys);
        return FALSE;
    }
    options = keys_from_options(context->options, PREPARE_OPTIONS, keys, error);
    if (!options)
        return FALSE;
    return connection_call_manager(
            context->connection, CALL_CHANGE, context->what, "PrepareVM",
            g_variant_new("(sss@a{sv})", arguments[0], arguments[1], arguments[2], options),
            "(oa{sv})", ret_reply, error);
}

gboolean verb_prepare(Context *context, char **arguments, GError **error) {
    GVariantDict keys = G_VARIANT_DICT_INIT(NULL);
    g_auto(Reply) reply = {};
    g_autoptr(GVariant) resolution = NULL;

    if (!prepare(context, arguments, &keys, &reply, error))
        return FALSE;
    resolution = g_variant_get_child_value(reply.body, 1);
    render_resolution(context->output, context->options, resolution);
    return TRUE;
}

static GStrv append_words(char **first, char **second) {
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

    g_strv_builder_addv(builder, (const char **)first);
    g_strv_builder_addv(builder, (const char **)second);
    return g_strv_builder_end(builder);
}

/* Returns a copy of the lease that survives exec. */
static int inherit_lease(GVariant *resolution) {
    gint32 fd;

    if (!g_variant_lookup(resolution, "lease", "h", &fd))
        return -ENODATA;
    return command_inherit(fd);
}

static void tell_changes(const char *id, GVariant *resolution) {
    g_auto(GStrv) changed = NULL;

    if (g_variant_lookup(resolution, "changed", "^as", &changed) && *changed) {
        g_autofree char *list = g_strjoinv(", ", changed);
        g_autofree char *text = g_strdup_printf(
                "%s: changed since it was pinned: %s; 'vmfirmwarectl rebind' accepts it", id, list);

        output_warning(text);
    }
}

static gboolean check_run_form(const Options *options, GError **error) {
    const char *form = options_get(options, "render");

    if (!form || g_str_equal(form, "qemu") || g_str_equal(form, "qemu-legacy"))
        return TRUE;
    g_set_error(
            error, CLIENT_ERROR, CLIENT_ERROR_USAGE,
            "run: --render=%s: it is one of qemu, qemu-legacy", form);
    return FALSE;
}

gboolean verb_run(Context *context, char **arguments, GError **error) {
    static const char *const qemu[] = {"qemu"};
    char **command = arguments + 3;
    GVariantDict keys = G_VARIANT_DICT_INIT(NULL);
    g_auto(Reply) reply = {};
    g_autofree char *path = NULL;
    g_autoptr(GVariant) resolution = NULL;
    g_auto(GStrv) rendered = NULL;
    g_auto(GStrv) words = NULL;
    int r;

    if (!check_run_form(context->options, error))
        return FALSE;
    path = command_find("run", command[0], error);
    if (!path)
        return FALSE;

    g_variant_dict_insert_value(&keys, "lease", g_variant_new_boolean(TRUE));
    g_variant_dict_insert_value(&keys, "render", g_variant_new_strv(qemu, 1));
    if (!prepare(context, arguments, &keys, &reply, error))
        return FALSE;
    resolution = g_variant_get_child_value(reply.body, 1);
    rendered = render_get_arguments(context->options, resolution);
    r = inherit_lease(resolution);
    if (!rendered || r < 0) {
        g_set_error(
                error, CLIENT_ERROR, CLIENT_ERROR_FAILURE,
                "%s: the service gave no %s; nothing was started", context->what,
                rendered ? "lease" : "arguments");
        return FALSE;
    }

    tell_changes(arguments[0], resolution);
    words = append_words(command, rendered);
    command_execute(context, "run", path, words, error);
    return FALSE;
}
