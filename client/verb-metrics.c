/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "fleet.h"

/* metrics: the OpenMetrics text format, for the textfile collector of Prometheus' node_exporter. */

static void print_label(GString *labels, const char *name, const char *value) {
    g_string_append_printf(labels, "%s%s=\"", labels->len > 0 ? "," : "", name);
    for (; *value; value++)
        if (*value == '\n')
            g_string_append(labels, "\\n");
        else
            g_string_append_printf(
                    labels, "%s%c", *value == '\\' || *value == '"' ? "\\" : "", *value);
    g_string_append_c(labels, '"');
}

static void count(GHashTable *counts, GString *labels) {
    const guint n = GPOINTER_TO_UINT(g_hash_table_lookup(counts, labels->str));

    g_hash_table_insert(counts, g_string_free(labels, FALSE), GUINT_TO_POINTER(n + 1));
}

static void print_head(const char *name, const char *help) {
    (void)printf("# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

static void print_counts(const char *name, const char *help, GHashTable *counts) {
    g_autoptr(GList) keys = g_list_sort(g_hash_table_get_keys(counts), (GCompareFunc)g_strcmp0);

    print_head(name, help);
    for (const GList *key = keys; key; key = key->next)
        (void)printf(
                "%s{%s} %u\n", name, (const char *)key->data,
                GPOINTER_TO_UINT(g_hash_table_lookup(counts, key->data)));
}

static void count_vm(GHashTable *counts, const FleetStore *store) {
    g_autofree char *owner = g_strdup_printf("%u", store->owner);
    g_autofree char *generation = fleet_get_generation(store->certificates);
    GString *labels = g_string_new(NULL);

    print_label(labels, "owner", owner);
    print_label(labels, "state", store->state);
    print_label(labels, "secure_boot", store->secure_boot);
    print_label(labels, "certificates", generation);
    print_label(labels, "health", store->health);
    count(counts, labels);
}

static void print_fleet(const GPtrArray *stores) {
    g_autoptr(GHashTable) vms = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) firmware = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    gint64 expires = 0;

    for (guint i = 0; i < stores->len; i++) {
        const FleetStore *store = stores->pdata[i];

        if (store->is_vm) {
            count_vm(vms, store);
            if (store->expires > 0 && g_str_equal(store->secure_boot, "enforced"))
                expires = expires > 0 ? MIN(expires, store->expires) : store->expires;
        } else {
            GString *labels = g_string_new(NULL);

            print_label(labels, "state", store->state);
            count(firmware, labels);
        }
    }
    print_counts(
            "vmfirmware_vms",
            "Virtual machines by owner, state, Secure Boot, generation of certificates and health "
            "of the variables.",
            vms);
    if (expires > 0) {
        print_head(
                "vmfirmware_certificates_expire_timestamp_seconds",
                "When the first virtual machine with enforced Secure Boot loses its last "
                "certificate for a purpose.");
        (void)printf(
                "vmfirmware_certificates_expire_timestamp_seconds %" G_GINT64_FORMAT "\n", expires);
    }
    print_counts("vmfirmware_firmware", "Firmware descriptors by state.", firmware);
}

static gboolean print_manager(Context *context, GError **error) {
    g_autoptr(GVariant) properties = connection_get_properties(
            context->connection, context->what, BUS_MANAGER_PATH, BUS_MANAGER_INTERFACE, error);
    g_autoptr(GVariant) problems = NULL;
    guint64 generation = 0;

    if (!properties)
        return FALSE;
    problems = g_variant_lookup_value(properties, "problems", NULL);
    (void)g_variant_lookup(properties, "generation", "t", &generation);
    print_head("vmfirmware_catalog_generation", "Generation of the catalog.");
    (void)printf("vmfirmware_catalog_generation %" G_GUINT64_FORMAT "\n", generation);
    print_head("vmfirmware_problems", "Faults in the files that the service reads.");
    (void)printf("vmfirmware_problems %zu\n", problems ? g_variant_n_children(problems) : (gsize)0);
    return TRUE;
}

/* Of GetStats. All are gauges: a counter's name differs between OpenMetrics and the text format
 * that node_exporter reads. */
static const struct {
    const char *key;
    const char *name;
    const char *help;
} statistics[] = {
        {"calls", "vmfirmware_calls", "Calls since the service started."},
        {"refused", "vmfirmware_refused_calls",
         "Calls beyond a limit, which were refused, since the service started."},
        {"unfinished", "vmfirmware_unfinished_calls", "Calls that wait or work."},
        {"jobs", "vmfirmware_jobs",
         "Operations on files of virtual machines since the service started."},
        {"jobs-running", "vmfirmware_running_jobs", "Operations that work."},
        {"jobs-stalled", "vmfirmware_stalled_jobs",
         "Operations that wait for a file system that does not answer."},
};

static gboolean print_statistics(Context *context, GError **error) {
    g_autoptr(GVariant) dict = NULL;
    g_auto(Reply) reply = {};

    if (!connection_call(
                context->connection, CALL_READ, context->what, BUS_MANAGER_PATH,
                BUS_STATS_INTERFACE, "GetStats", NULL, "(a{sv})", &reply, error))
        return FALSE;
    dict = g_variant_get_child_value(reply.body, 0);
    for (gsize i = 0; i < G_N_ELEMENTS(statistics); i++) {
        guint64 value = 0;

        (void)g_variant_lookup(dict, statistics[i].key, "t", &value);
        print_head(statistics[i].name, statistics[i].help);
        (void)printf("%s %" G_GUINT64_FORMAT "\n", statistics[i].name, value);
    }
    return TRUE;
}

gboolean verb_metrics(Context *context, char **arguments, GError **error) {
    g_autoptr(GPtrArray) stores = fleet_read(context, error);

    if (!stores)
        return FALSE;
    print_fleet(stores);
    if (!print_manager(context, error) || !print_statistics(context, error))
        return FALSE;
    (void)printf("# EOF\n");
    return TRUE;
}
