/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "firmware.h"
#include "fleet.h"
#include "value.h"
#include "verbs.h"

/* Verbs on the catalog: list, show, host, reload. */

static const char *const firmware_order[] = {
        "name",           "description", "state",           "problems",     "rank",    "path",
        "layer",          "overrides",   "interface-types", "device",       "mode",    "executable",
        "nvram-template", "health",      "secure-boot",     "certificates", "targets", "features",
        "tags",           NULL};
static const char *const host_order[] = {"version",       "generation",  "architectures",
                                         "host-features", "search-path", "state-directory",
                                         "problems",      NULL};

static const char *get_string(GVariant *dict, const char *key) {
    const char *value = "";

    (void)g_variant_lookup(dict, key, "&s", &value);
    return value;
}

static char *get_architectures(GVariant *firmware) {
    g_autoptr(GVariant) targets =
            g_variant_lookup_value(firmware, "targets", G_VARIANT_TYPE("aa{sv}"));
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (gsize i = 0; targets && i < g_variant_n_children(targets); i++) {
        g_autoptr(GVariant) target = g_variant_get_child_value(targets, i);
        const char *name = get_string(target, "architecture");

        if (!g_ptr_array_find_with_equal_func(names, name, g_str_equal, NULL))
            g_ptr_array_add(names, (gpointer)name);
    }
    g_ptr_array_add(names, NULL);
    return g_strjoinv(" ", (char **)names->pdata);
}

static char *get_words(GVariant *dict, const char *key) {
    g_auto(GStrv) words = NULL;

    return g_variant_lookup(dict, key, "^as", &words) ? g_strjoinv(" ", words) : g_strdup("");
}

static void print_list(Context *context, const GPtrArray *firmware) {
    static const char *const headings[] = {">RANK",     "NAME",   "STATE",        "LAYER",
                                           "INTERFACE", "DEVICE", "ARCHITECTURE", NULL};
    g_autoptr(Table) table = output_table_new(context->output, headings);
    guint n_usable = 0;

    for (guint i = 0; i < firmware->len; i++) {
        GVariant *each = firmware->pdata[i];
        const char *state = get_string(each, "state");
        g_autofree char *rank = g_strdup_printf("%u", i);
        g_autofree char *interfaces = get_words(each, "interface-types");
        g_autofree char *architectures = get_architectures(each);
        const char *cells[] = {
                rank,       get_string(each, "name"),   state,        get_string(each, "layer"),
                interfaces, get_string(each, "device"), architectures};

        n_usable += g_str_equal(state, "usable");
        output_table_add(table, cells, 2, state);
    }

    output_table_print(context->output, table);
    if (!context->options->no_legend)
        (void)printf(
                "%s%u firmware listed, %u usable.\n", firmware->len > 0 ? "\n" : "", firmware->len,
                n_usable);
}

static void print_names(const GPtrArray *firmware) {
    for (guint i = 0; i < firmware->len; i++)
        output_line("%s", get_string(firmware->pdata[i], "name"));
}

gboolean verb_list(Context *context, char **arguments, GError **error) {
    g_autoptr(GPtrArray) firmware = firmware_get_all(context, error);

    if (!firmware)
        return FALSE;
    if (context->options->json != JSON_OFF)
        output_json(
                context->output,
                g_variant_new_array(
                        G_VARIANT_TYPE_VARDICT, (GVariant *const *)firmware->pdata, firmware->len));
    else if (options_get(context->options, "names"))
        print_names(firmware);
    else
        print_list(context, firmware);
    return TRUE;
}

static void print_object(Context *context, GVariant *properties, const char *const *order) {
    if (context->options->json != JSON_OFF)
        output_json(context->output, properties);
    else
        output_properties(context->output, properties, order);
}

gboolean verb_show(Context *context, char **arguments, GError **error) {
    g_auto(Reply) reply = {};
    g_autoptr(GVariant) properties = NULL, words = NULL;
    const char *path;

    if (!connection_call_manager(
                context->connection, CALL_READ, context->what, "GetFirmware",
                g_variant_new("(s)", arguments[0]), "(o)", &reply, error))
        return FALSE;
    g_variant_get(reply.body, "(&o)", &path);
    properties = connection_get_properties(
            context->connection, context->what, path, BUS_FIRMWARE_INTERFACE, error);
    if (!properties)
        return FALSE;
    if (context->options->json == JSON_OFF) {
        words = fleet_say_secure_boot(properties);
        output_properties(context->output, words, firmware_order);
    } else {
        output_json(context->output, properties);
    }
    return TRUE;
}

gboolean verb_host(Context *context, char **arguments, GError **error) {
    g_autoptr(GVariant) properties = connection_get_properties(
            context->connection, context->what, BUS_MANAGER_PATH, BUS_MANAGER_INTERFACE, error);

    if (!properties)
        return FALSE;
    print_object(context, properties, host_order);
    return TRUE;
}

gboolean verb_reload(Context *context, char **arguments, GError **error) {
    g_auto(Reply) reply = {};

    if (!connection_call_manager(
                context->connection, CALL_CHANGE, context->what, "Reload", NULL, "()", &reply,
                error))
        return FALSE;
    if (context->options->json == JSON_OFF)
        return TRUE;
    return verb_host(context, arguments, error);
}
