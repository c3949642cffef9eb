/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "firmware.h"

#include <sys/stat.h>

#include "core/architecture.h"
#include "value.h"

static int compare_rank(gconstpointer a, gconstpointer b) {
    guint32 rank_a = 0, rank_b = 0;

    (void)g_variant_lookup(*(GVariant *const *)a, "rank", "u", &rank_a);
    (void)g_variant_lookup(*(GVariant *const *)b, "rank", "u", &rank_b);
    return rank_a < rank_b ? -1 : rank_a > rank_b;
}

GPtrArray *firmware_get_all(Context *context, GError **error) {
    g_autoptr(GPtrArray) firmware = g_ptr_array_new_with_free_func((GDestroyNotify)g_variant_unref);
    g_auto(Reply) reply = {};
    g_autoptr(GVariant) objects = NULL;

    if (!connection_call(
                context->connection, CALL_READ, context->what, BUS_FIRMWARE_PATH,
                "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", NULL, "(a{oa{sa{sv}}})",
                &reply, error))
        return NULL;

    objects = g_variant_get_child_value(reply.body, 0);
    for (gsize i = 0; i < g_variant_n_children(objects); i++) {
        g_autoptr(GVariant) object = g_variant_get_child_value(objects, i);
        g_autoptr(GVariant) interfaces = g_variant_get_child_value(object, 1);
        g_autoptr(GVariant) properties =
                g_variant_lookup_value(interfaces, BUS_FIRMWARE_INTERFACE, G_VARIANT_TYPE_VARDICT);

        if (properties)
            g_ptr_array_add(firmware, value_from_properties(properties));
    }
    g_ptr_array_sort(firmware, compare_rank);
    return g_steal_pointer(&firmware);
}

char *firmware_get_machines(const GPtrArray *firmware, const char *name, const char *architecture) {
    g_autoptr(GPtrArray) globs = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < firmware->len; i++) {
        g_autoptr(GVariant) targets =
                g_variant_lookup_value(firmware->pdata[i], "targets", G_VARIANT_TYPE("aa{sv}"));
        const char *own_name = "";

        (void)g_variant_lookup(firmware->pdata[i], "name", "&s", &own_name);
        for (gsize j = 0;
             targets && g_str_equal(own_name, name) && j < g_variant_n_children(targets); j++) {
            g_autoptr(GVariant) target = g_variant_get_child_value(targets, j);
            const char *own_architecture = "";
            g_auto(GStrv) machines = NULL;

            if (g_variant_lookup(target, "architecture", "&s", &own_architecture) &&
                g_str_equal(own_architecture, architecture_from_name(architecture)) &&
                g_variant_lookup(target, "machines", "^as", &machines))
                g_ptr_array_add(globs, g_strjoinv(", ", machines));
        }
    }
    g_ptr_array_add(globs, NULL);
    return g_strjoinv(", ", (char **)globs->pdata);
}

static char *get_executable(GVariant *properties) {
    g_autoptr(GVariant) image =
            g_variant_lookup_value(properties, "executable", G_VARIANT_TYPE_VARDICT);
    char *filename = NULL;

    return image && g_variant_lookup(image, "filename", "s", &filename) ? filename : g_strdup("");
}

gboolean firmware_find_executable(Context *context, GError **error) {
    GPtrArray *values = g_hash_table_lookup(context->options->given, "executable");
    const char *typed = options_get(context->options, "executable");
    g_autoptr(GPtrArray) firmware = NULL;
    g_autofree char *found = NULL;
    g_autofree char *path = NULL;
    struct stat wanted;
    struct stat st;

    if (!typed || context->options->host || context->options->container ||
        options_get(context->options, "root") || stat(typed, &wanted) < 0)
        return TRUE;
    firmware = firmware_get_all(context, error);
    if (!firmware)
        return FALSE;

    path = g_canonicalize_filename(typed, NULL);
    for (guint i = 0; i < firmware->len; i++) {
        g_autofree char *executable = get_executable(firmware->pdata[i]);

        if (g_str_equal(executable, path))
            return TRUE;
        if (!found && stat(executable, &st) == 0 && st.st_dev == wanted.st_dev &&
            st.st_ino == wanted.st_ino)
            found = g_steal_pointer(&executable);
    }
    if (found)
        g_ptr_array_add(values, g_steal_pointer(&found));
    return TRUE;
}
