/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "unused.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "error.h"
#include "keys.h"
#include "virsh.h"

/* A reference is its owner's text. No other URI is given to virsh: one can name a command. */
#define LIBVIRT_URI "qemu:///system"

#define MAX_DAYS 36500

typedef struct Search {
    gboolean wants_unused;
    gint64 before; /* µs since the epoch */
    gboolean wants_orphans;
    gboolean has_asked_libvirt;
    GHashTable *domains; /* UUIDs; NULL: unknown */
} Search;

static void search_clear(Search *search) {
    g_clear_pointer(&search->domains, g_hash_table_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Search, search_clear)

gboolean unused_is_asked(const Options *options) {
    return options_get(options, "unused") || options_get(options, "orphans");
}

static gboolean read_options(const Options *options, Search *search, GError **error) {
    const char *days = options_get(options, "unused");
    guint64 number = 0;

    if (days && !g_ascii_string_to_unsigned(days, 10, 0, MAX_DAYS, &number, NULL)) {
        g_set_error(
                error, CLIENT_ERROR, CLIENT_ERROR_USAGE,
                "--unused=%s: it is a number of days, 0 to %d", days, MAX_DAYS);
        return FALSE;
    }
    search->wants_unused = days != NULL;
    search->before = g_get_real_time() - (gint64)number * 24 * 60 * 60 * G_USEC_PER_SEC;
    search->wants_orphans = options_get(options, "orphans") != NULL;
    return TRUE;
}

/* -- orphans ------------------------------------------------------------------------------- */

static GHashTable *list_domains(void) {
    static const char *const words[] = {"--connect", LIBVIRT_URI, "list", "--all", "--uuid", NULL};
    g_autoptr(GHashTable) domains = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_auto(GStrv) lines = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *output = virsh_run(words, &error);

    if (!output) {
        g_autofree char *text = g_strdup_printf(
                "cannot ask libvirt for its domains, so none counts as gone: %s", error->message);

        output_warning(text);
        return NULL;
    }
    lines = g_strsplit(output, "\n", -1);
    for (char **line = lines; *line; line++)
        g_hash_table_add(domains, g_ascii_strdown(g_strstrip(*line), -1));
    return g_steal_pointer(&domains);
}

static gboolean is_domain_gone(Search *search, const char *uuid) {
    g_autofree char *key = g_ascii_strdown(uuid, -1);

    if (!g_uuid_string_is_valid(uuid))
        return FALSE;
    if (!search->has_asked_libvirt)
        search->domains = list_domains();
    search->has_asked_libvirt = TRUE;
    return search->domains && !g_hash_table_contains(search->domains, key);
}

static gboolean is_orphan(Search *search, const char *reference) {
    struct stat st;

    if (g_str_has_prefix(reference, LIBVIRT_URI "?"))
        return is_domain_gone(search, reference + strlen(LIBVIRT_URI "?"));
    return *reference == '/' && lstat(reference, &st) < 0 && (errno == ENOENT || errno == ENOTDIR);
}

/* -- search -------------------------------------------------------------------------------- */

static gboolean matches(Search *search, GVariant *vm) {
    const char *reference = "";
    guint64 last = G_MAXINT64;

    (void)g_variant_lookup(vm, "reference", "&s", &reference);
    (void)g_variant_lookup(vm, "last-prepared", "t", &last);
    return (!search->wants_unused || (gint64)last <= search->before) &&
            (!search->wants_orphans || is_orphan(search, reference));
}

/* One that cannot be read, or was removed meanwhile, is not known to be free. */
static gboolean is_free(Context *context, GVariant *vm) {
    const char *id = "", *path = "/";
    g_autofree char *what = NULL;
    g_autoptr(GVariant) properties = NULL;
    g_autoptr(GError) error = NULL;
    gboolean is_in_use = TRUE;

    (void)g_variant_lookup(vm, "id", "&s", &id);
    (void)g_variant_lookup(vm, "object", "&o", &path);
    what = g_strdup_printf("%s %s", context->what, id);
    properties =
            connection_get_properties(context->connection, what, path, BUS_VM_INTERFACE, &error);
    if (!properties)
        output_warning(error->message);
    else
        (void)g_variant_lookup(properties, "in-use", "b", &is_in_use);
    return !is_in_use;
}

GVariant *unused_find(Context *context, GError **error) {
    GVariant *options;
    g_auto(Search) search = {};
    g_auto(Reply) reply = {};
    g_autoptr(GVariant) all = NULL;
    g_auto(GVariantBuilder) found = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("aa{sv}"));

    if (!read_options(context->options, &search, error))
        return NULL;
    options = keys_from_options(context->options, OPTIONS_OWNER | OPTIONS_ALL, NULL, error);
    if (!options)
        return NULL;
    if (!connection_call_manager(
                context->connection, CALL_READ_ALL, context->what, "ReportVMs",
                g_variant_new("(@a{sv})", options), "(aa{sv})", &reply, error))
        return NULL;

    all = g_variant_get_child_value(reply.body, 0);
    for (gsize i = 0; i < g_variant_n_children(all); i++) {
        g_autoptr(GVariant) vm = g_variant_get_child_value(all, i);

        if (matches(&search, vm) && is_free(context, vm))
            g_variant_builder_add_value(&found, vm);
    }
    return g_variant_ref_sink(g_variant_builder_end(&found));
}
