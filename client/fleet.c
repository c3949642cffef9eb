/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fleet.h"

#include <string.h>

#include "firmware.h"

/* The generation of Microsoft's certificates that signs since 2026. */
#define CURRENT "2023"
/* A store may lack this purpose: only cards with option ROMs need it. */
#define OPTIONAL_PURPOSE "option-rom"

static void store_free_fleet(gpointer data) {
    FleetStore *store = data;

    g_free(store->name);
    g_free(store->state);
    g_free(store->secure_boot);
    g_free(store->health);
    g_variant_unref(store->certificates);
    g_free(store->needs);
    g_free(store);
}

static char *dup_string(GVariant *dict, const char *key) {
    const char *value = "";

    (void)g_variant_lookup(dict, key, "&s", &value);
    return g_strdup(value);
}

/* A store without any known certificate has other keys on purpose. */
static char *find_needs(GVariant *certificates) {
    g_autoptr(GString) needs = g_string_new(NULL);
    const char *purpose, *generation;
    GVariantIter iter;

    g_variant_iter_init(&iter, certificates);
    while (g_variant_iter_next(&iter, "{&s&s}", &purpose, &generation))
        if (!g_str_equal(generation, "none") && !strstr(generation, CURRENT) &&
            !g_str_equal(purpose, OPTIONAL_PURPOSE))
            g_string_append_printf(needs, "%s%s", needs->len > 0 ? " " : "", purpose);
    return g_string_free(g_steal_pointer(&needs), FALSE);
}

char *fleet_get_generation(GVariant *certificates) {
    const char *purpose, *generation, *first = "none";
    GVariantIter iter;

    g_variant_iter_init(&iter, certificates);
    while (g_variant_iter_next(&iter, "{&s&s}", &purpose, &generation)) {
        if (g_str_equal(generation, "none") || g_str_equal(purpose, OPTIONAL_PURPOSE))
            continue;
        if (!g_str_equal(first, "none") && !g_str_equal(first, generation))
            return g_strdup("mixed");
        first = generation;
    }
    return g_strdup(first);
}

static void add_store(GPtrArray *stores, GVariant *dict, gboolean is_vm) {
    FleetStore *store = g_new0(FleetStore, 1);

    store->is_vm = is_vm;
    store->name = dup_string(dict, is_vm ? "id" : "name");
    store->state = dup_string(dict, "state");
    store->secure_boot = dup_string(dict, "secure-boot");
    store->health = dup_string(dict, "health");
    store->certificates = g_variant_lookup_value(dict, "certificates", G_VARIANT_TYPE("a{ss}"));
    if (!store->certificates)
        store->certificates = g_variant_ref_sink(g_variant_new_parsed("@a{ss} {}"));
    (void)g_variant_lookup(dict, "owner", "u", &store->owner);
    (void)g_variant_lookup(dict, "expires", "x", &store->expires);
    store->needs = find_needs(store->certificates);
    g_ptr_array_add(stores, store);
}

GPtrArray *fleet_read(Context *context, GError **error) {
    g_autoptr(GPtrArray) stores = g_ptr_array_new_with_free_func(store_free_fleet);
    g_autoptr(GPtrArray) firmware = firmware_get_all(context, error);
    g_autoptr(GVariant) vms = NULL;
    g_auto(Reply) reply = {};

    if (!firmware ||
        !connection_call_manager(
                context->connection, CALL_READ_ALL, context->what, "ReportVMs",
                g_variant_new_parsed("({'all': <true>},)"), "(aa{sv})", &reply, error))
        return NULL;
    vms = g_variant_get_child_value(reply.body, 0);
    for (gsize i = 0; i < g_variant_n_children(vms); i++) {
        g_autoptr(GVariant) vm = g_variant_get_child_value(vms, i);

        add_store(stores, vm, TRUE);
    }
    for (guint i = 0; i < firmware->len; i++)
        add_store(stores, firmware->pdata[i], FALSE);
    return g_steal_pointer(&stores);
}

static char *format_date(gint64 expires) {
    g_autoptr(GDateTime) time = expires > 0 ? g_date_time_new_from_unix_utc(expires) : NULL;

    return time ? g_date_time_format(time, "%Y-%m-%d") : NULL;
}

static gboolean is_over(gint64 expires) {
    return expires < g_get_real_time() / G_USEC_PER_SEC;
}

char *fleet_find_expired(GVariant *properties) {
    const char *secure_boot = "";
    gint64 expires = 0;

    (void)g_variant_lookup(properties, "secure-boot", "&s", &secure_boot);
    (void)g_variant_lookup(properties, "expires", "x", &expires);
    return g_str_equal(secure_boot, "enforced") && is_over(expires) ? format_date(expires) : NULL;
}

static char *secure_boot_to_text(const char *secure_boot, GVariant *certificates, gint64 expires) {
    g_autofree char *date = format_date(expires);
    g_autofree char *needs = certificates ? find_needs(certificates) : g_strdup("");

    if (!g_str_equal(secure_boot, "enforced"))
        return g_strdup(*secure_boot ? secure_boot : "-");
    if (date && is_over(expires))
        return g_strdup_printf(
                "enforced; its certificates expired on %s: boot loaders signed since then do not "
                "start",
                date);
    if (date)
        return g_strdup_printf("enforced; its certificates expire on %s", date);
    if (*needs)
        return g_strdup_printf(
                "enforced; it has no certificate of " CURRENT
                " for %s: boot loaders signed since 2026 do not start",
                needs);
    return g_strdup("enforced");
}

GVariant *fleet_say_secure_boot(GVariant *properties) {
    g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(properties);
    g_autoptr(GVariant) certificates =
            g_variant_lookup_value(properties, "certificates", G_VARIANT_TYPE("a{ss}"));
    const char *secure_boot = "";
    g_autofree char *text = NULL;
    gint64 expires = 0;

    (void)g_variant_lookup(properties, "secure-boot", "&s", &secure_boot);
    (void)g_variant_lookup(properties, "expires", "x", &expires);
    text = secure_boot_to_text(secure_boot, certificates, expires);
    g_variant_dict_insert(&dict, "secure-boot", "s", text);
    return g_variant_ref_sink(g_variant_dict_end(&dict));
}
