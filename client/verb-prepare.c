/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <unistd.h>

#include "command-qemu.h"
#include "command.h"
#include "core/architecture.h"
#include "ephemeral.h"
#include "error.h"
#include "keys.h"
#include "render.h"
#include "verbs.h"
#include "vm.h"

/* Verbs that start virtual machines: prepare, run. Their first arguments are ID, ARCHITECTURE and
 * MACHINE. */

#define PREPARE_OPTIONS                                                                           \
    (OPTIONS_REQUIREMENTS | OPTIONS_RENDER | OPTIONS_OWNER | OPTIONS_CREATE | OPTIONS_REFERENCE | \
     OPTIONS_HOST_KEYS)

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

/* A virtual machine that is gone when the command ends is not worth a change. */
static void warn_expired(Context *context, const char *id, const Reply *reply) {
    g_autoptr(GVariant) object = g_variant_get_child_value(reply->body, 0);
    g_autoptr(GVariant) resolution = g_variant_get_child_value(reply->body, 1);

    if (vm_has_new_keys(resolution) && !options_get(context->options, "ephemeral"))
        vm_warn_expired(context, id, g_variant_get_string(object, NULL));
}

gboolean verb_prepare(Context *context, char **arguments, GError **error) {
    GVariantDict keys = G_VARIANT_DICT_INIT(NULL);
    g_auto(Reply) reply = {};
    g_autoptr(GVariant) resolution = NULL;

    if (!prepare(context, arguments, &keys, &reply, error))
        return FALSE;
    resolution = g_variant_get_child_value(reply.body, 1);
    render_resolution(context->output, context->options, resolution);
    warn_expired(context, arguments[0], &reply);
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

/* What the service is told of a QEMU that it does not know. */
static void describe_qemu(const Emulator *emulator, char **arguments, GVariantDict *keys) {
    g_autofree char *version = qemu_version_to_string(emulator->version);
    const char *machine = command_qemu_get_machine(emulator, arguments[2]);

    g_variant_dict_insert(keys, "qemu-version", "s", version);
    arguments[2] = (char *)machine;
}

static gboolean check_qemu(
        const Context *context, const Emulator *emulator, GStrv rendered, GError **error) {
    const char *lacking = command_qemu_find_lacking(emulator, rendered);

    if (!lacking)
        return TRUE;
    g_set_error(
            error, CLIENT_ERROR, CLIENT_ERROR_FAILURE,
            "%s: %s has no %s, which its firmware needs; nothing was started", context->what,
            emulator->path, lacking);
    return FALSE;
}

/* LEASE is the command's, too, which may be the first of several processes. */
static gboolean run_and_wait(
        Context *context, const char *path, char **words, int lease, GError **error) {
    g_clear_pointer(&context->connection, connection_close);
    context->wait_status = ephemeral_run(path, words);
    (void)close(lease);
    return context->wait_status >= 0 ||
            client_error_set(
                    error, CLIENT_ERROR_FAILURE, "run: cannot execute %s: %s", path,
                    g_strerror(-context->wait_status));
}

gboolean verb_run(Context *context, char **arguments, GError **error) {
    static const char *const qemu[] = {"qemu"};
    char *question[] = {arguments[0], arguments[1], arguments[2], NULL};
    char **command = arguments + 3;
    g_autoptr(Emulator) emulator = NULL;
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

    if (!options_get(context->options, "qemu-version"))
        emulator = command_qemu_ask(path, architecture_from_name(arguments[1]));
    if (emulator)
        describe_qemu(emulator, question, &keys);
    g_variant_dict_insert_value(&keys, "lease", g_variant_new_boolean(TRUE));
    g_variant_dict_insert_value(&keys, "render", g_variant_new_strv(qemu, 1));
    if (!prepare(context, question, &keys, &reply, error))
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

    if (emulator && !check_qemu(context, emulator, rendered, error))
        return FALSE;
    tell_changes(arguments[0], resolution);
    warn_expired(context, arguments[0], &reply);
    words = append_words(command, rendered);
    if (options_get(context->options, "ephemeral"))
        return run_and_wait(context, path, words, r, error);
    command_execute(context, "run", path, words, error);
    return FALSE;
}
