/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "uefi/summary.h"

#include "uefi/digest.h"

/* Each owner can make any number of them. */
#define MAX_REMEMBERED 64

static void summary_clear(gpointer data) {
    StoreSummary *summary = data;

    g_free(summary->detail);
    for (guint i = 0; i < G_N_ELEMENTS(summary->generations); i++)
        g_free(summary->generations[i]);
    g_strfreev(summary->digests);
}

static void add_digests(GStrvBuilder *digests, const GPtrArray *list) {
    for (guint i = 0; i < list->len; i++)
        g_strv_builder_add(
                digests, ((const EnrolledCertificate *)list->pdata[i])->certificate->sha256);
}

static StoreSummary *make_summary(const Store *store, const KnownCertificates *known) {
    StoreSummary *summary = g_atomic_rc_box_new0(StoreSummary);
    g_autoptr(StoreReport) report = NULL;
    g_autoptr(GStrvBuilder) digests = g_strv_builder_new();

    summary->kind = store->kind;
    summary->health = store->health;
    summary->detail = g_strdup(store->detail);
    summary->is_readable = store->is_readable;
    if (!store->is_readable)
        return summary;

    report = store_report_new(store, known);
    summary->secure_boot = report->secure_boot;
    for (guint i = 0; i < G_N_ELEMENTS(summary->generations); i++)
        summary->generations[i] = g_strdup(report->generations[i]);
    summary->expires = report->expires;
    add_digests(digests, report->key_exchange_keys);
    add_digests(digests, report->signatures);
    summary->digests = g_strv_builder_end(digests);
    return summary;
}

/* All variables that a summary is made from: it sees no others, and its key is their digest. */
static const struct {
    const EfiGuid *guid;
    const char *name;
} inputs[] = {
        {&efi_global_guid, "PK"},
        {&efi_global_guid, "KEK"},
        {&efi_image_security_guid, "db"},
        {&efi_image_security_guid, "dbx"},
        {&efi_secure_boot_enable_guid, "SecureBootEnable"},
};

/* Sets RET to STORE with the inputs alone, which are borrowed, and returns the key of its
 * summary. */
static char *select_inputs(const Store *store, Store *ret) {
    g_autoptr(GString) key = g_string_new(NULL);

    *ret = *store;
    ret->variables = g_ptr_array_new();
    for (gsize i = 0; i < G_N_ELEMENTS(inputs); i++) {
        const StoreVariable *variable = store_find(store, inputs[i].guid, inputs[i].name);
        g_autofree char *digest = variable ? digest_gbytes(variable->data) : g_strdup("none");

        if (variable)
            g_ptr_array_add(ret->variables, (gpointer)variable);
        g_string_append_printf(key, "%s ", digest);
    }
    g_string_append_printf(
            key, "%d %d %s", store->kind, store->health, store->detail ? store->detail : "");
    return g_string_free(g_steal_pointer(&key), FALSE);
}

static StoreSummary *recall(KnownMemo *memo, const char *key) {
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&memo->mutex);
    StoreSummary *summary = memo->values ? g_hash_table_lookup(memo->values, key) : NULL;

    return summary ? store_summary_ref(summary) : NULL;
}

static void remember(KnownMemo *memo, char *key, StoreSummary *summary) {
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&memo->mutex);

    if (!memo->values)
        memo->values = g_hash_table_new_full(
                g_str_hash, g_str_equal, g_free, (GDestroyNotify)store_summary_unref);
    if (g_hash_table_size(memo->values) >= MAX_REMEMBERED)
        g_hash_table_remove_all(memo->values);
    g_hash_table_replace(memo->values, key, store_summary_ref(summary));
}

StoreSummary *store_summary_new(const Store *store, const KnownCertificates *known) {
    KnownMemo *memo = known_certificates_get_memo(known);
    g_autoptr(GPtrArray) variables = NULL;
    g_autofree char *key = NULL;
    StoreSummary *summary;
    Store input;

    if (!store->is_readable)
        return make_summary(store, known);
    key = select_inputs(store, &input);
    variables = input.variables;
    summary = recall(memo, key);
    if (!summary) {
        summary = make_summary(&input, known);
        remember(memo, g_steal_pointer(&key), summary);
    }
    return summary;
}

StoreSummary *store_summary_ref(StoreSummary *summary) {
    return g_atomic_rc_box_acquire(summary);
}

void store_summary_unref(StoreSummary *summary) {
    if (summary)
        g_atomic_rc_box_release_full(summary, summary_clear);
}

gboolean store_summary_same_generations(const StoreSummary *a, const StoreSummary *b) {
    char *const *generations_a = store_summary_get_generations(a);
    char *const *generations_b = store_summary_get_generations(b);

    if (!generations_a || !generations_b)
        return generations_a == generations_b;
    for (guint i = 0; i < G_N_ELEMENTS(a->generations); i++)
        if (!g_str_equal(generations_a[i], generations_b[i]))
            return FALSE;
    return TRUE;
}

gboolean store_summary_equal(const StoreSummary *a, const StoreSummary *b) {
    if (a == b)
        return TRUE;
    if (!a || !b || a->kind != b->kind || a->health != b->health ||
        g_strcmp0(a->detail, b->detail) != 0 || a->is_readable != b->is_readable ||
        a->secure_boot != b->secure_boot || a->expires != b->expires ||
        !store_summary_same_generations(a, b))
        return FALSE;
    return !a->digests ||
            g_strv_equal((const char *const *)a->digests, (const char *const *)b->digests);
}

gboolean store_summary_has_platform_key(const StoreSummary *summary) {
    return summary && summary->is_readable && summary->secure_boot != SECURE_BOOT_SETUP;
}

gboolean store_summary_has_certificate(
        const StoreSummary *summary, const KnownCertificates *known, const char *certificate) {
    const KnownCertificate *found = known_certificates_find_name(known, certificate);
    g_autofree char *digest = g_ascii_strdown(found ? found->sha256 : certificate, -1);

    return summary && summary->digests &&
            g_strv_contains((const char *const *)summary->digests, digest);
}

char *store_summary_find_expired(const StoreSummary *summary, gint64 now) {
    g_autoptr(GDateTime) time = NULL;

    if (!summary || !summary->is_readable || summary->secure_boot != SECURE_BOOT_ENFORCED ||
        summary->expires == 0 || summary->expires >= now)
        return NULL;
    time = g_date_time_new_from_unix_utc(summary->expires);
    return time ? g_date_time_format(time, "%Y-%m-%d") : NULL;
}

const char *store_summary_get_secure_boot(const StoreSummary *summary, gboolean has_secure_boot) {
    if (!has_secure_boot)
        return secure_boot_to_string(SECURE_BOOT_NONE);
    return summary && summary->is_readable ? secure_boot_to_string(summary->secure_boot) : "";
}

char *const *store_summary_get_generations(const StoreSummary *summary) {
    return summary && summary->is_readable ? summary->generations : NULL;
}

gint64 store_summary_get_expires(const StoreSummary *summary) {
    return summary ? summary->expires : 0;
}

const char *store_summary_get_health(const StoreSummary *summary) {
    return summary ? store_health_to_string(summary->health) : "";
}
