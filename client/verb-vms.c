/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "error.h"
#include "fleet.h"
#include "keys.h"
#include "render.h"
#include "unused.h"
#include "value.h"
#include "verbs.h"
#include "vm.h"

/* Verbs on virtual machines, except those that transfer NVRAM. */

static void print_total(const Context *context, gsize n_vms) {
    if (!context->options->no_legend)
        (void)printf(
                "%s%zu virtual machine%s listed.\n", n_vms > 0 ? "\n" : "", n_vms,
                n_vms == 1 ? "" : "s");
}

static void print_vms(Context *context, GVariant *vms) {
    static const char *const headings[] = {"ID", "OWNER", "STATE", "FIRMWARE", NULL};
    g_autoptr(Table) table = output_table_new(context->output, headings);
    gsize n_vms = g_variant_n_children(vms);
    const char *id, *firmware, *state;
    GVariantIter iter;
    guint32 owner;

    g_variant_iter_init(&iter, vms);
    while (g_variant_iter_next(&iter, "(&su&s&so)", &id, &owner, &firmware, &state, NULL)) {
        g_autofree char *uid = g_strdup_printf("%u", owner);
        const char *cells[] = {id, uid, state, firmware};

        output_table_add(table, cells, 2, state);
    }

    output_table_print(context->output, table);
    print_total(context, n_vms);
}

static void add_unused(Table *table, GVariant *vm) {
    const char *id = "", *state = "", *reference = "";
    g_autoptr(GVariant) time = g_variant_lookup_value(vm, "last-prepared", G_VARIANT_TYPE_UINT64);
    g_auto(GStrv) last = time ? value_to_lines("last-prepared", time) : g_strsplit("-", "", 1);
    g_autofree char *uid = NULL;
    guint32 owner = 0;

    (void)g_variant_lookup(vm, "id", "&s", &id);
    (void)g_variant_lookup(vm, "owner", "u", &owner);
    (void)g_variant_lookup(vm, "state", "&s", &state);
    (void)g_variant_lookup(vm, "reference", "&s", &reference);
    uid = g_strdup_printf("%u", owner);
    output_table_add(
            table, (const char *[]){id, uid, state, last[0], *reference ? reference : "-"}, 2,
            state);
}

static void print_unused(Context *context, GVariant *vms) {
    static const char *const headings[] = {"ID",        "OWNER", "STATE", "LAST PREPARED",
                                           "REFERENCE", NULL};
    g_autoptr(Table) table = output_table_new(context->output, headings);
    gsize n_vms = g_variant_n_children(vms);

    for (gsize i = 0; i < n_vms; i++) {
        g_autoptr(GVariant) vm = g_variant_get_child_value(vms, i);
        const char *id;

        if (!options_get(context->options, "names"))
            add_unused(table, vm);
        else if (g_variant_lookup(vm, "id", "&s", &id))
            output_line("%s", id);
    }
    if (options_get(context->options, "names"))
        return;
    output_table_print(context->output, table);
    print_total(context, n_vms);
}

static gboolean list_unused(Context *context, GError **error) {
    g_autoptr(GVariant) vms = unused_find(context, error);

    if (!vms)
        return FALSE;
    if (context->options->json != JSON_OFF)
        output_json(context->output, vms);
    else
        print_unused(context, vms);
    return TRUE;
}

static void print_ids(GVariant *vms) {
    GVariantIter iter;
    const char *id;

    g_variant_iter_init(&iter, vms);
    while (g_variant_iter_next(&iter, "(&susso)", &id, NULL, NULL, NULL, NULL))
        output_line("%s", id);
}

gboolean verb_vms(Context *context, char **arguments, GError **error) {
    static const char *const names[] = {"id", "owner", "firmware", "state", "object", NULL};
    GVariant *options;
    g_auto(Reply) reply = {};
    g_autoptr(GVariant) vms = NULL;

    if (options_get(context->options, "owner") && options_get(context->options, "all")) {
        g_set_error(
                error, CLIENT_ERROR, CLIENT_ERROR_USAGE,
                "vms: --owner and --all exclude each other");
        return FALSE;
    }
    if (unused_is_asked(context->options))
        return list_unused(context, error);
    options = keys_from_options(context->options, OPTIONS_OWNER | OPTIONS_ALL, NULL, error);
    if (!options)
        return FALSE;
    if (!connection_call_manager(
                context->connection, CALL_READ_ALL, context->what, "ListVMs",
                g_variant_new("(@a{sv})", options), "(a(susso))", &reply, error))
        return FALSE;

    vms = g_variant_get_child_value(reply.body, 0);
    if (context->options->json != JSON_OFF)
        output_json(context->output, value_name_members(vms, names));
    else if (options_get(context->options, "names"))
        print_ids(vms);
    else
        print_vms(context, vms);
    return TRUE;
}

/* What the properties do not say. An answer without it is one, too: reports an error, and returns
 * NULL. */
static GVariant *get_resolution(Context *context, const char *path) {
    g_autoptr(GError) error = NULL;
    g_auto(Reply) reply = {};

    if (connection_call(
                context->connection, CALL_READ, context->what, path, BUS_VM_INTERFACE,
                "GetResolution", g_variant_new_parsed("(@a{sv} {},)"), "(a{sv})", &reply, &error))
        return g_variant_get_child_value(reply.body, 0);
    output_warning(error->message);
    return NULL;
}

/* With --render: the resolution alone, in that form. */
static gboolean render_vm(Context *context, const char *path, GError **error) {
    GVariant *options = keys_from_options(context->options, OPTIONS_RENDER, NULL, error);
    g_auto(Reply) reply = {};
    g_autoptr(GVariant) resolution = NULL;

    if (!options)
        return FALSE;
    if (!connection_call(
                context->connection, CALL_READ, context->what, path, BUS_VM_INTERFACE,
                "GetResolution", g_variant_new("(@a{sv})", options), "(a{sv})", &reply, error))
        return FALSE;
    resolution = g_variant_get_child_value(reply.body, 0);
    render_resolution(context->output, context->options, resolution);
    return TRUE;
}

static void print_vm(const Context *context, GVariant *properties, GVariant *resolution) {
    static const char *const order[] = {
            "id",
            "owner",
            "state",
            "changed",
            "in-use",
            "created",
            "last-prepared",
            "architecture",
            "machine",
            "firmware",
            "requirements",
            "features",
            "executable",
            "nvram-template",
            "nvram",
            "health",
            "secure-boot",
            "certificates",
            "expires",
            "executable-digest",
            "template-digest",
            NULL};
    static const char *const keys[] = {
            "requirements", "features", "executable", "nvram-template", NULL};
    g_autoptr(GVariant) words = fleet_say_secure_boot(properties);
    g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(words);
    g_autoptr(GVariant) all = NULL;

    for (const char *const *key = keys; resolution && *key; key++) {
        g_autoptr(GVariant) value = g_variant_lookup_value(resolution, *key, NULL);

        if (value)
            g_variant_dict_insert_value(&dict, *key, value);
    }
    all = g_variant_ref_sink(g_variant_dict_end(&dict));
    output_properties(context->output, all, order);
}

gboolean verb_vm(Context *context, char **arguments, GError **error) {
    g_autofree char *path = vm_find(context, arguments[0], error);
    g_autoptr(GVariant) properties = NULL;
    g_autoptr(GVariant) resolution = NULL;

    if (!path)
        return FALSE;
    if (options_get(context->options, "render"))
        return render_vm(context, path, error);
    properties = connection_get_properties(
            context->connection, context->what, path, BUS_VM_INTERFACE, error);
    if (!properties)
        return FALSE;
    resolution = get_resolution(context, path);
    if (context->options->json == JSON_OFF) {
        print_vm(context, properties, resolution);
    } else {
        g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(properties);

        if (resolution)
            g_variant_dict_insert_value(&dict, "resolution", resolution);
        output_json(context->output, g_variant_dict_end(&dict));
    }
    return TRUE;
}

gboolean verb_reset(Context *context, char **arguments, GError **error) {
    GVariantDict keys = G_VARIANT_DICT_INIT(NULL);
    g_auto(FileFd) template = FILE_FD_NONE;
    g_auto(Reply) reply = {};
    GVariant *options;

    if (!keys_add_template(context->options, &keys, &template, error)) {
        g_variant_dict_clear(&keys);
        return FALSE;
    }
    options = keys_from_options(context->options, OPTIONS_HOST_KEYS, &keys, error);
    if (!options ||
        !vm_call(
                context, arguments[0], "Reset", g_variant_new("(@a{sv})", options), "()", &reply,
                error))
        return FALSE;
    vm_warn_expired(context, arguments[0], NULL);
    vm_tell(context, arguments[0], NULL);
    return TRUE;
}

gboolean verb_rebind(Context *context, char **arguments, GError **error) {
    GVariantDict keys = G_VARIANT_DICT_INIT(NULL);
    g_autoptr(GVariant) resolution = NULL;
    g_auto(Reply) reply = {};
    GVariant *options;

    if (arguments[1])
        g_variant_dict_insert(&keys, "machine", "s", arguments[1]);
    options = keys_from_options(
            context->options,
            OPTIONS_REQUIREMENTS | OPTIONS_RESET | OPTIONS_RENDER | OPTIONS_HOST_KEYS, &keys,
            error);
    if (!options)
        return FALSE;
    if (!vm_call(
                context, arguments[0], "Rebind", g_variant_new("(@a{sv})", options), "(a{sv})",
                &reply, error))
        return FALSE;
    resolution = g_variant_get_child_value(reply.body, 0);
    render_resolution(context->output, context->options, resolution);
    if (vm_has_new_keys(resolution))
        vm_warn_expired(context, arguments[0], NULL);
    return TRUE;
}

gboolean verb_clone(Context *context, char **arguments, GError **error) {
    GVariant *options =
            keys_from_options(context->options, OPTIONS_CLONE | OPTIONS_LIVE, NULL, error);
    g_auto(Reply) reply = {};

    if (!options)
        return FALSE;
    if (!vm_call(
                context, arguments[0], "Clone", g_variant_new("(s@a{sv})", arguments[1], options),
                "(o)", &reply, error))
        return FALSE;
    vm_tell(context, arguments[1], &reply);
    return TRUE;
}

gboolean verb_rename(Context *context, char **arguments, GError **error) {
    g_auto(Reply) reply = {};

    if (!vm_call(
                context, arguments[0], "Rename", g_variant_new("(s)", arguments[1]), "(o)", &reply,
                error))
        return FALSE;
    vm_tell(context, arguments[1], &reply);
    return TRUE;
}

gboolean verb_remove(Context *context, char **arguments, GError **error) {
    g_autofree char *path = vm_make_path(context, arguments[0], error);
    g_auto(Reply) reply = {};

    if (!path)
        return FALSE;
    if (!connection_call(
                context->connection, CALL_CHANGE, context->what, path, BUS_VM_INTERFACE, "Remove",
                g_variant_new_parsed("(@a{sv} {},)"), "()", &reply, error))
        return FALSE;
    vm_tell(context, arguments[0], NULL);
    return TRUE;
}
