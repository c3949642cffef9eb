/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "error.h"
#include "value.h"
#include "verbs.h"
#include "vm.h"

/* Verbs on the backups of a virtual machine: backups, restore. */

/* An aa{sv}. */
static GVariant *list_backups(Context *context, const char *id, GError **error) {
    g_auto(Reply) reply = {};

    if (!vm_call(
                context, id, "ListBackups", g_variant_new_parsed("(@a{sv} {},)"), "(aa{sv})",
                &reply, error))
        return NULL;
    return g_variant_get_child_value(reply.body, 0);
}

static void add_backup(Table *table, GVariant *backup) {
    g_autoptr(GVariant) time = g_variant_lookup_value(backup, "time", G_VARIANT_TYPE_UINT64);
    g_auto(GStrv) when = time ? value_to_lines("time", time) : g_strsplit("-", "", 1);
    const char *reason = "", *format = "", *health = "";
    g_autofree char *index_text = NULL, *size_text = NULL;
    guint32 index = 0;
    guint64 size = 0;

    (void)g_variant_lookup(backup, "index", "u", &index);
    (void)g_variant_lookup(backup, "reason", "&s", &reason);
    (void)g_variant_lookup(backup, "format", "&s", &format);
    (void)g_variant_lookup(backup, "size", "t", &size);
    (void)g_variant_lookup(backup, "health", "&s", &health);
    index_text = g_strdup_printf("%u", index);
    size_text = g_strdup_printf("%" G_GUINT64_FORMAT, size);
    output_table_add(
            table, (const char *[]){index_text, when[0], reason, format, size_text, health}, 0,
            NULL);
}

gboolean verb_backups(Context *context, char **arguments, GError **error) {
    static const char *const headings[] = {">INDEX", "TIME",   "REASON", "FORMAT",
                                           ">SIZE",  "HEALTH", NULL};
    g_autoptr(GVariant) backups = list_backups(context, arguments[0], error);
    g_autoptr(Table) table = NULL;
    gsize n_backups;

    if (!backups)
        return FALSE;
    if (context->options->json != JSON_OFF) {
        output_json(context->output, backups);
        return TRUE;
    }
    n_backups = g_variant_n_children(backups);
    table = output_table_new(context->output, headings);
    for (gsize i = 0; i < n_backups; i++) {
        g_autoptr(GVariant) backup = g_variant_get_child_value(backups, i);

        add_backup(table, backup);
    }
    output_table_print(context->output, table);
    if (!context->options->no_legend)
        (void)printf(
                "%s%zu backup%s listed.\n", n_backups > 0 ? "\n" : "", n_backups,
                n_backups == 1 ? "" : "s");
    return TRUE;
}

static gboolean find_newest(Context *context, const char *id, guint32 *ret, GError **error) {
    g_autoptr(GVariant) backups = list_backups(context, id, error);
    g_autoptr(GVariant) newest = NULL;

    if (!backups)
        return FALSE;
    if (g_variant_n_children(backups) > 0)
        newest = g_variant_get_child_value(backups, 0);
    if (newest && g_variant_lookup(newest, "index", "u", ret))
        return TRUE;
    g_set_error(
            error, CLIENT_ERROR, CLIENT_ERROR_FAILURE,
            "%s: it has no backup; 'vmfirmwarectl reset' and 'import' make one", context->what);
    return FALSE;
}

gboolean verb_restore(Context *context, char **arguments, GError **error) {
    g_auto(Reply) reply = {};
    guint64 number;
    guint32 index;

    if (!arguments[1]) {
        if (!find_newest(context, arguments[0], &index, error))
            return FALSE;
    } else if (g_ascii_string_to_unsigned(arguments[1], 10, 0, G_MAXUINT32, &number, NULL)) {
        index = (guint32)number;
    } else {
        g_set_error(
                error, CLIENT_ERROR, CLIENT_ERROR_USAGE,
                "restore: \"%s\" is no index; 'vmfirmwarectl backups' lists them", arguments[1]);
        return FALSE;
    }
    if (!vm_call(
                context, arguments[0], "Restore", g_variant_new_parsed("(%u, @a{sv} {})", index),
                "()", &reply, error))
        return FALSE;
    if (context->options->json != JSON_OFF)
        output_json(
                context->output,
                g_variant_new_parsed("{'id': <%s>, 'index': <%u>}", arguments[0], index));
    return TRUE;
}
