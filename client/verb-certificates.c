/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>
#include <string.h>

#include "fleet.h"

/* certificates: which VMs and templates need which certificates. */

static const char *const purposes[] = {"kek", "windows", "third-party", "option-rom"};

/* Enforcing stores that lack certificates first, by expiry; then the others. */
static int compare_urgency(gconstpointer a, gconstpointer b) {
    const FleetStore *first = *(FleetStore *const *)a;
    const FleetStore *second = *(FleetStore *const *)b;
    const gboolean is_first_enforced = g_str_equal(first->secure_boot, "enforced");
    const gboolean is_second_enforced = g_str_equal(second->secure_boot, "enforced");

    if (is_first_enforced != is_second_enforced)
        return is_first_enforced ? -1 : 1;
    if (!*first->needs != !*second->needs)
        return *first->needs ? -1 : 1;
    if (first->is_vm != second->is_vm)
        return first->is_vm ? -1 : 1;
    if (first->expires != second->expires)
        return first->expires < second->expires ? -1 : 1;
    if (first->owner != second->owner)
        return first->owner < second->owner ? -1 : 1;
    return strcmp(first->name, second->name);
}

static void add_row(Table *table, const FleetStore *store) {
    g_autofree char *owner = store->is_vm ? g_strdup_printf("%u", store->owner) : g_strdup("-");
    g_autoptr(GDateTime) time =
            store->expires > 0 ? g_date_time_new_from_unix_utc(store->expires) : NULL;
    g_autofree char *date = time ? g_date_time_format(time, "%Y-%m-%d") : g_strdup("-");
    const char *cells[6 + G_N_ELEMENTS(purposes)] = {
            store->is_vm ? "vm" : "template", store->name, owner,
            *store->secure_boot ? store->secure_boot : "-", date};

    for (gsize i = 0; i < G_N_ELEMENTS(purposes); i++) {
        const char *generation = "-";

        (void)g_variant_lookup(store->certificates, purposes[i], "&s", &generation);
        cells[5 + i] = generation;
    }
    cells[5 + G_N_ELEMENTS(purposes)] = *store->needs ? store->needs : "-";
    output_table_add(table, cells, 0, NULL);
}

static void print_table(Context *context, const GPtrArray *stores) {
    static const char *const headings[] = {"KIND",       "NAME",  "OWNER",   "SECURE-BOOT",
                                           "EXPIRES",    "KEK",   "WINDOWS", "THIRD-PARTY",
                                           "OPTION-ROM", "NEEDS", NULL};
    g_autoptr(Table) table = output_table_new(context->output, headings);
    guint n_needs = 0;

    for (guint i = 0; i < stores->len; i++) {
        const FleetStore *store = stores->pdata[i];

        n_needs += *store->needs != '\0';
        add_row(table, store);
    }
    output_table_print(context->output, table);
    if (!context->options->no_legend)
        (void)printf(
                "%s%u variable store%s listed, %u need%s current certificates.\n",
                stores->len > 0 ? "\n" : "", stores->len, stores->len == 1 ? "" : "s", n_needs,
                n_needs == 1 ? "s" : "");
}

static void print_json(const Context *context, const GPtrArray *stores) {
    g_auto(GVariantBuilder) array = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("aa{sv}"));

    for (guint i = 0; i < stores->len; i++) {
        const FleetStore *store = stores->pdata[i];
        g_auto(GStrv) needs = g_strsplit(store->needs, " ", -1);

        g_variant_builder_open(&array, G_VARIANT_TYPE_VARDICT);
        g_variant_builder_add_parsed(&array, "{'kind', <%s>}", store->is_vm ? "vm" : "template");
        g_variant_builder_add_parsed(&array, "{'name', <%s>}", store->name);
        if (store->is_vm) {
            g_variant_builder_add_parsed(&array, "{'owner', <%u>}", store->owner);
            g_variant_builder_add_parsed(&array, "{'expires', <%x>}", store->expires);
        }
        g_variant_builder_add_parsed(&array, "{'secure-boot', <%s>}", store->secure_boot);
        g_variant_builder_add_parsed(&array, "{'health', <%s>}", store->health);
        g_variant_builder_add_parsed(&array, "{'certificates', <%@a{ss}>}", store->certificates);
        g_variant_builder_add_parsed(&array, "{'needs', <%^as>}", needs);
        g_variant_builder_close(&array);
    }
    output_json(context->output, g_variant_builder_end(&array));
}

/* A store of firmware that keeps no variables, or that could not be read, has no certificates. */
static void remove_others(GPtrArray *stores) {
    for (guint i = stores->len; i > 0; i--)
        if (g_variant_n_children(((const FleetStore *)stores->pdata[i - 1])->certificates) == 0)
            g_ptr_array_remove_index(stores, i - 1);
}

gboolean verb_certificates(Context *context, char **arguments, GError **error) {
    g_autoptr(GPtrArray) stores = fleet_read(context, error);

    if (!stores)
        return FALSE;
    remove_others(stores);
    g_ptr_array_sort(stores, compare_urgency);
    if (context->options->json != JSON_OFF)
        print_json(context, stores);
    else
        print_table(context, stores);
    return TRUE;
}
