/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "uefi/report.h"

#include <string.h>

#include "uefi/digest.h"
#include "uefi/siglist.h"

/* The generation of Microsoft's certificates that signs boot loaders since 2026. */
#define CURRENT_GENERATION "2023"

#define DBX "dbx"

const char *secure_boot_to_string(SecureBoot secure_boot) {
    switch (secure_boot) {
    case SECURE_BOOT_NONE:
        return "none";
    case SECURE_BOOT_SETUP:
        return "setup";
    case SECURE_BOOT_OFF:
        return "off";
    case SECURE_BOOT_ENFORCED:
        return "enforced";
    }
    g_assert_not_reached();
}

/* -- signature lists --------------------------------------------------------------------------- */

typedef struct Enrolled {
    const KnownCertificates *known;
    GPtrArray *certificates;
    guint n_hashes;
} Enrolled;

static void enrolled_certificate_free(EnrolledCertificate *enrolled) {
    certificate_free(enrolled->certificate);
    g_free(enrolled);
}

static void add_entry(
        SiglistType type, const EfiGuid *owner, const guint8 *data, gsize size, gpointer userdata) {
    Enrolled *enrolled = userdata;
    EnrolledCertificate *entry;

    enrolled->n_hashes += type == SIGLIST_SHA256;
    if (type != SIGLIST_X509)
        return;
    entry = g_new0(EnrolledCertificate, 1);
    entry->certificate = certificate_new(data, size);
    entry->owner = *owner;
    entry->known = known_certificates_find(enrolled->known, entry->certificate->sha256);
    g_ptr_array_add(enrolled->certificates, entry);
}

static GPtrArray *read_certificates(
        const StoreReport *report, const KnownCertificates *known, const EfiGuid *guid,
        const char *name, guint *ret_n_hashes) {
    const StoreVariable *variable = store_find(report->store, guid, name);
    Enrolled enrolled = {
            .known = known,
            .certificates =
                    g_ptr_array_new_with_free_func((GDestroyNotify)enrolled_certificate_free),
    };

    if (variable) {
        gsize size;
        const guint8 *data = g_bytes_get_data(variable->data, &size);

        (void)siglist_visit(data, size, add_entry, &enrolled);
    }
    if (ret_n_hashes)
        *ret_n_hashes = enrolled.n_hashes;
    return enrolled.certificates;
}

/* Returns the number of further hashes that fit: a new hash extends the existing list of hashes, or
 * needs a new list. */
static guint count_room(const StoreReport *report) {
    const Store *store = report->store;
    const StoreVariable *dbx = store_find(store, &efi_image_security_guid, DBX);
    const gsize data_size = dbx ? g_bytes_get_size(dbx->data) : 0;
    const gsize empty = store->record_header + 2 * sizeof DBX;
    const gsize others = store->live - (dbx ? MIN(store->live, empty + data_size) : 0);
    /* the firmware reclaims dead records when it needs their space */
    const gsize all = store->live + store->dead + store->free;
    const gsize limit = MIN(store->largest, all - others);
    const gsize used = empty + data_size + (report->forbidden_hashes > 0 ? 0 : SIGLIST_HEADER_SIZE);

    return limit > used ? (guint)((limit - used) / SIGLIST_HASH_SIZE) : 0;
}

/* -- Secure Boot ---------------------------------------------------------------------- */

static void assess_secure_boot(StoreReport *report) {
    const StoreVariable *enable =
            store_find(report->store, &efi_secure_boot_enable_guid, "SecureBootEnable");
    const guint8 *value = enable ? g_bytes_get_data(enable->data, NULL) : NULL;

    report->is_setup_mode = !store_find(report->store, &efi_global_guid, "PK");
    if (report->is_setup_mode) {
        report->secure_boot = SECURE_BOOT_SETUP;
        report->secure_boot_reason = "there is no platform key";
    } else if (!value) {
        /* AuthVariableLib creates the missing variable as enabled */
        report->secure_boot = SECURE_BOOT_ENFORCED;
        report->secure_boot_reason =
                "there is a platform key, and no SecureBootEnable, which edk2 makes as on";
    } else if (*value == 1) {
        report->secure_boot = SECURE_BOOT_ENFORCED;
        report->secure_boot_reason = "there is a platform key, and SecureBootEnable is on";
    } else {
        report->secure_boot = SECURE_BOOT_OFF;
        report->secure_boot_reason = "SecureBootEnable is off";
    }
}

void store_report_deny_secure_boot(StoreReport *report) {
    report->secure_boot = SECURE_BOOT_NONE;
    report->secure_boot_reason = "the firmware has not the feature secure-boot";
}

static gboolean has_certificate(const GPtrArray *list, const char *sha256) {
    for (guint i = 0; i < list->len; i++) {
        const EnrolledCertificate *enrolled = list->pdata[i];

        if (g_str_equal(enrolled->certificate->sha256, sha256))
            return TRUE;
    }
    return FALSE;
}

static int compare_strings(gconstpointer a, gconstpointer b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Returns the generations for PURPOSE, and in *RET_EXPIRES the latest expiry of their certificates
 * (0: no certificate). A certificate in dbx does not count. */
static char *find_generations(
        const StoreReport *report, CertificatePurpose purpose, gint64 *ret_expires) {
    const GPtrArray *list =
            purpose == CERTIFICATE_PURPOSE_KEK ? report->key_exchange_keys : report->signatures;
    g_autoptr(GPtrArray) generations = g_ptr_array_new();

    *ret_expires = 0;
    for (guint i = 0; i < list->len; i++) {
        const EnrolledCertificate *enrolled = list->pdata[i];

        if (!enrolled->known || enrolled->known->purpose != purpose ||
            has_certificate(report->forbidden, enrolled->certificate->sha256))
            continue;
        if (!g_ptr_array_find_with_equal_func(
                    generations, enrolled->known->generation, g_str_equal, NULL))
            g_ptr_array_add(generations, enrolled->known->generation);
        *ret_expires = MAX(*ret_expires, enrolled->certificate->not_after);
    }
    if (generations->len == 0)
        return g_strdup("none");
    g_ptr_array_sort(generations, compare_strings);
    g_ptr_array_add(generations, NULL);
    return g_strjoinv("+", (char **)generations->pdata);
}

static void assess_certificates(StoreReport *report) {
    for (guint purpose = 0; purpose < G_N_ELEMENTS(report->generations); purpose++) {
        gint64 expires;

        report->generations[purpose] =
                find_generations(report, (CertificatePurpose)purpose, &expires);
        if (expires > 0)
            report->expires = report->expires > 0 ? MIN(report->expires, expires) : expires;
    }
}

static KekUpdate assess_kek_update(const StoreReport *report) {
    const EnrolledCertificate *platform =
            report->platform_key->len > 0 ? report->platform_key->pdata[0] : NULL;

    /* without a platform key the firmware accepts any change */
    if (report->is_setup_mode)
        return KEK_UPDATE_YES;
    if (strstr(report->generations[CERTIFICATE_PURPOSE_KEK], CURRENT_GENERATION))
        return KEK_UPDATE_YES;
    if (!platform)
        return KEK_UPDATE_NO;
    if (!platform->known || platform->known->purpose != CERTIFICATE_PURPOSE_PLATFORM)
        return KEK_UPDATE_UNKNOWN;
    return platform->known->updates_kek ? KEK_UPDATE_YES : KEK_UPDATE_NO;
}

/* -- booting -------------------------------------------------------------------------- */

static int compare_entries(gconstpointer a, gconstpointer b) {
    const BootEntry *first = *(BootEntry *const *)a;
    const BootEntry *second = *(BootEntry *const *)b;

    return (int)first->number - (int)second->number;
}

static GPtrArray *read_boot_entries(const Store *store) {
    GPtrArray *entries = g_ptr_array_new_with_free_func((GDestroyNotify)boot_entry_free);

    for (guint i = 0; i < store->variables->len; i++) {
        const StoreVariable *variable = store->variables->pdata[i];
        gsize size;
        const guint8 *data = g_bytes_get_data(variable->data, &size);
        guint16 number;

        if (efi_guid_equal(&variable->guid, &efi_global_guid) &&
            boot_entry_parse_name(variable->name, &number))
            g_ptr_array_add(entries, boot_entry_new(number, data, size));
    }
    g_ptr_array_sort(entries, compare_entries);
    return entries;
}

static GArray *read_boot_order(const Store *store) {
    const StoreVariable *variable = store_find(store, &efi_global_guid, "BootOrder");
    GArray *order = g_array_new(FALSE, FALSE, sizeof(guint16));
    gsize size = 0;
    const guint8 *data = variable ? g_bytes_get_data(variable->data, &size) : NULL;

    for (gsize at = 0; at + 2 <= size; at += 2) {
        const guint16 number = efi_u16(data + at);

        g_array_append_val(order, number);
    }
    return order;
}

/* -- the report ----------------------------------------------------------------------- */

StoreReport *store_report_new(const Store *store, const KnownCertificates *known) {
    StoreReport *report = g_new0(StoreReport, 1);

    report->store = store;
    report->platform_key = read_certificates(report, known, &efi_global_guid, "PK", NULL);
    report->key_exchange_keys = read_certificates(report, known, &efi_global_guid, "KEK", NULL);
    report->signatures = read_certificates(report, known, &efi_image_security_guid, "db", NULL);
    report->forbidden = read_certificates(
            report, known, &efi_image_security_guid, DBX, &report->forbidden_hashes);
    report->forbidden_room = count_room(report);
    assess_secure_boot(report);
    assess_certificates(report);
    report->kek_update = assess_kek_update(report);
    report->boot_order = read_boot_order(store);
    report->boot_entries = read_boot_entries(store);
    return report;
}

void store_report_add_digest(StoreReport *report) {
    report->sha256 = digest_gbytes(report->store->bytes);
}

void store_report_free(StoreReport *report) {
    if (!report)
        return;
    g_free(report->sha256);
    g_ptr_array_unref(report->platform_key);
    g_ptr_array_unref(report->key_exchange_keys);
    g_ptr_array_unref(report->signatures);
    g_ptr_array_unref(report->forbidden);
    for (guint i = 0; i < G_N_ELEMENTS(report->generations); i++)
        g_free(report->generations[i]);
    g_array_unref(report->boot_order);
    g_ptr_array_unref(report->boot_entries);
    g_free(report);
}
