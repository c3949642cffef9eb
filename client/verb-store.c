/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "core/store-file.h"
#include "error.h"
#include "keys.h"
#include "nvram-file.h"
#include "sources.h"
#include "uefi/report.h"
#include "verbs.h"
#include "vm.h"

/* Verbs about one variable store, of a VM or in a file of this host: variables, boot. A file needs
 * no service. */

static gboolean failed(const char *path, const char *reason, GError **error) {
    g_set_error(error, CLIENT_ERROR, CLIENT_ERROR_FAILURE, "%s: %s", path, reason);
    return FALSE;
}

/* -- reading ---------------------------------------------------------------------------- */

static Store *read_store(
        const Options *options, const char *path, ImageFormat *ret_format, GError **error) {
    g_auto(FileFd) fd = FILE_FD_NONE;
    Store *store = NULL;
    int r = file_open_regular(AT_FDCWD, path, &fd, NULL);

    if (r < 0) {
        (void)failed(path, r == -ENOTSUP ? "it is no regular file" : g_strerror(-r), error);
        return NULL;
    }
    if (!nvram_file_find_format(options, "source-format", path, fd, ret_format, error))
        return NULL;
    r = store_file_read(fd, *ret_format, &store);
    if (r < 0)
        (void)failed(
                path,
                r == -EOPNOTSUPP
                        ? "it is compressed with zstd; 'qemu-img convert' makes a copy that "
                          "can be read"
                        : g_strerror(-r),
                error);
    return store;
}

gboolean store_is_file(const char *argument) {
    return strchr(argument, '/') || g_file_test(argument, G_FILE_TEST_EXISTS);
}

/* An a{sv}. */
static GVariant *report_file(
        const Context *context, const char *path, gboolean with_list, GError **error) {
    g_autoptr(Config) config = sources_load_config(context->options, NULL, error);
    g_autoptr(KnownCertificates) known = config ? sources_load_known(config, error) : NULL;
    ImageFormat format;
    g_autoptr(Store) store = known ? read_store(context->options, path, &format, error) : NULL;
    g_autoptr(StoreReport) report = NULL;
    VariantSink *sink;

    if (!store)
        return NULL;
    report = store_report_new(store, known);
    store_report_add_digest(report);
    sink = variant_sink_new();
    store_report_write(
            report, image_format_to_string(format), with_list, variant_sink_get_sink(sink));
    return variant_sink_end(sink);
}

static GVariant *report_vm(Context *context, const char *id, gboolean with_list, GError **error) {
    GVariantDict keys = G_VARIANT_DICT_INIT(NULL);
    g_auto(Reply) reply = {};
    GVariant *options;

    if (!text_is_valid(id)) {
        (void)failed(context->what, "neither a file nor an id in UTF-8", error);
        return NULL;
    }
    if (with_list)
        g_variant_dict_insert(&keys, "list", "b", TRUE);
    options = keys_from_options(context->options, OPTIONS_LIVE | OPTIONS_INDEX, &keys, error);
    if (!options ||
        !vm_call(
                context, id, "ReadVariables", g_variant_new("(@a{sv})", options), "(a{sv})", &reply,
                error))
        return NULL;
    return g_variant_get_child_value(reply.body, 0);
}

/* Without a connection ARGUMENT is a file. */
static GVariant *make_report(
        Context *context, const char *argument, gboolean with_list, GError **error) {
    return context->connection ? report_vm(context, argument, with_list, error)
                               : report_file(context, argument, with_list, error);
}

/* -- variables -------------------------------------------------------------------------- */

static void print_summary(Context *context, GVariant *report) {
    static const char *const order[] = {
            "kind",
            "format",
            "size",
            "sha256",
            "health",
            "health-detail",
            "secure-boot",
            "secure-boot-reason",
            "certificates",
            "expires",
            "guest-can-update-kek",
            "platform-key",
            "key-exchange-keys",
            "signatures",
            "forbidden-certificates",
            "forbidden-hashes",
            "forbidden-room",
            "variables",
            "bytes-live",
            "bytes-dead",
            "bytes-free",
            "largest",
            NULL};
    g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(report);
    g_autoptr(GVariant) summary = NULL;

    /* secure-boot says so, and 'boot' shows these */
    (void)g_variant_dict_remove(&dict, "setup-mode");
    (void)g_variant_dict_remove(&dict, "boot-order");
    (void)g_variant_dict_remove(&dict, "boot-entries");
    summary = g_variant_ref_sink(g_variant_dict_end(&dict));
    output_properties(context->output, summary, order);
}

static void print_list(Context *context, GVariant *list) {
    static const char *const headings[] = {"GUID", "NAME", ">ATTRIBUTES", ">SIZE", "TIME", NULL};
    g_autoptr(Table) table = output_table_new(context->output, headings);
    const gsize n_variables = g_variant_n_children(list);

    for (gsize i = 0; i < n_variables; i++) {
        g_autoptr(GVariant) variable = g_variant_get_child_value(list, i);
        const char *guid = "", *name = "", *time = "";
        guint32 attributes = 0;
        guint64 size = 0;
        g_autofree char *attributes_text = NULL, *size_text = NULL;

        (void)g_variant_lookup(variable, "guid", "&s", &guid);
        (void)g_variant_lookup(variable, "name", "&s", &name);
        (void)g_variant_lookup(variable, "time", "&s", &time);
        (void)g_variant_lookup(variable, "attributes", "u", &attributes);
        (void)g_variant_lookup(variable, "size", "t", &size);
        attributes_text = g_strdup_printf("%#x", attributes);
        size_text = g_strdup_printf("%" G_GUINT64_FORMAT, size);
        output_table_add(
                table, (const char *[]){guid, name, attributes_text, size_text, *time ? time : "-"},
                0, NULL);
    }
    output_table_print(context->output, table);
    if (!context->options->no_legend)
        (void)printf(
                "%s%zu variable%s listed.\n", n_variables > 0 ? "\n" : "", n_variables,
                n_variables == 1 ? "" : "s");
}

/* NULL with the error that says why: nothing of the store could be read. */
static GVariant *lookup_list(GVariant *report, const char *path, const char *key, GError **error) {
    GVariant *list = g_variant_lookup_value(report, key, NULL);
    const char *health = "", *detail = "";

    if (list)
        return list;
    (void)g_variant_lookup(report, "health", "&s", &health);
    (void)g_variant_lookup(report, "health-detail", "&s", &detail);
    g_set_error(
            error, CLIENT_ERROR, CLIENT_ERROR_FAILURE, "%s: the store is %s: %s", path, health,
            detail);
    return NULL;
}

gboolean verb_variables(Context *context, char **arguments, GError **error) {
    const gboolean with_list = options_get(context->options, "list") != NULL;
    g_autoptr(GVariant) report = make_report(context, arguments[0], with_list, error);
    g_autoptr(GVariant) list = NULL;

    if (!report)
        return FALSE;
    if (with_list)
        list = lookup_list(report, arguments[0], "list", error);
    if (with_list && !list)
        return FALSE;
    if (context->options->json != JSON_OFF)
        output_json(context->output, report);
    else if (with_list)
        print_list(context, list);
    else
        print_summary(context, report);
    return TRUE;
}

/* -- boot
 * ------------------------------------------------------------------------------------------ */

/* NULL: there is no entry of this number. */
static GVariant *find_entry(GVariant *entries, guint16 number) {
    for (gsize i = 0; i < g_variant_n_children(entries); i++) {
        g_autoptr(GVariant) entry = g_variant_get_child_value(entries, i);
        guint16 found;

        if (g_variant_lookup(entry, "number", "q", &found) && found == number)
            return g_steal_pointer(&entry);
    }
    return NULL;
}

static void add_entry(Table *table, const char *place, guint16 number, GVariant *entry) {
    const char *title = "", *path = "", *bound_to = "";
    g_autofree char *number_text = g_strdup_printf("%04X", number);
    gboolean is_active = FALSE;

    if (entry) {
        (void)g_variant_lookup(entry, "title", "&s", &title);
        (void)g_variant_lookup(entry, "path", "&s", &path);
        (void)g_variant_lookup(entry, "bound-to", "&s", &bound_to);
        (void)g_variant_lookup(entry, "active", "b", &is_active);
    }
    output_table_add(
            table,
            (const char *[]){place, number_text, entry ? (is_active ? "yes" : "no") : "missing",
                             *bound_to ? bound_to : "-", title, path},
            0, NULL);
}

/* The entries in the boot order, then those that are in none. */
static void print_entries(
        Context *context, const guint16 *order, gsize n_order, GVariant *entries) {
    static const char *const headings[] = {">ORDER", "NUMBER", "ACTIVE", "BOUND-TO",
                                           "TITLE",  "PATH",   NULL};
    g_autoptr(Table) table = output_table_new(context->output, headings);
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);

    for (gsize i = 0; i < n_order; i++) {
        g_autoptr(GVariant) entry = find_entry(entries, order[i]);
        g_autofree char *place = g_strdup_printf("%zu", i + 1);

        add_entry(table, place, order[i], entry);
        (void)g_hash_table_add(seen, GUINT_TO_POINTER(order[i]));
    }
    for (gsize i = 0; i < g_variant_n_children(entries); i++) {
        g_autoptr(GVariant) entry = g_variant_get_child_value(entries, i);
        guint16 number = 0;

        (void)g_variant_lookup(entry, "number", "q", &number);
        if (!g_hash_table_contains(seen, GUINT_TO_POINTER(number)))
            add_entry(table, "-", number, entry);
    }
    output_table_print(context->output, table);
}

static gboolean show_boot(Context *context, const char *argument, GError **error) {
    g_autoptr(GVariant) report = make_report(context, argument, FALSE, error);
    g_autoptr(GVariant) entries =
            report ? lookup_list(report, argument, "boot-entries", error) : NULL;
    g_autoptr(GVariant) order = NULL;
    const guint16 *numbers;
    gsize n_numbers;

    if (!entries)
        return FALSE;
    order = g_variant_lookup_value(report, "boot-order", G_VARIANT_TYPE("aq"));
    g_assert(order);
    if (context->options->json != JSON_OFF) {
        g_auto(GVariantBuilder) dict = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);

        g_variant_builder_add(&dict, "{sv}", "boot-order", order);
        g_variant_builder_add(&dict, "{sv}", "boot-entries", entries);
        output_json(context->output, g_variant_builder_end(&dict));
        return TRUE;
    }
    numbers = g_variant_get_fixed_array(order, &n_numbers, sizeof *numbers);
    print_entries(context, numbers, n_numbers, entries);
    return TRUE;
}

gboolean verb_boot(Context *context, char **arguments, GError **error) {
    const Options *options = context->options;
    const gboolean is_change = options_get(options, "order") || options_get(options, "clear");
    const OptionGroup other = is_change ? OPTIONS_LIVE : OPTIONS_CHANGE;

    if (!options_check(
                options, ~(unsigned)other,
                is_change ? "boot with --order or --clear" : "boot without --order and --clear",
                error))
        return FALSE;
    return is_change ? edit_boot(context, arguments[0], error)
                     : show_boot(context, arguments[0], error);
}
