/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "uefi/report.h"

/* The keys of a report and their types: the answer of ReadVariables. */

static void write_number(Sink *sink, const char *key, char type, gconstpointer value) {
    const char signature[] = {type, '\0'};

    sink_open_entry(sink, key, signature);
    sink_basic(sink, type, value);
    sink_close_entry(sink);
}

static void write_guid(Sink *sink, const char *key, const EfiGuid *guid) {
    char text[EFI_GUID_TEXT_SIZE];

    efi_guid_to_text(guid, text);
    sink_entry_string(sink, key, text);
}

static void write_certificates(Sink *sink, const char *key, const GPtrArray *list) {
    sink_open_entry(sink, key, "aa{sv}");
    sink_open_array(sink, "a{sv}");
    for (guint i = 0; i < list->len; i++) {
        const EnrolledCertificate *enrolled = list->pdata[i];

        sink_open_array(sink, "{sv}");
        sink_entry_string(sink, "subject", enrolled->certificate->subject);
        sink_entry_string(sink, "issuer", enrolled->certificate->issuer);
        write_number(sink, "not-before", 'x', &enrolled->certificate->not_before);
        write_number(sink, "not-after", 'x', &enrolled->certificate->not_after);
        sink_entry_string(sink, "sha256", enrolled->certificate->sha256);
        write_guid(sink, "owner", &enrolled->owner);
        sink_entry_string(sink, "name", enrolled->known ? enrolled->known->name : "");
        sink_close(sink);
    }
    sink_close(sink);
    sink_close_entry(sink);
}

static const char *kek_update_to_string(KekUpdate update) {
    switch (update) {
    case KEK_UPDATE_UNKNOWN:
        return "unknown";
    case KEK_UPDATE_NO:
        return "no";
    case KEK_UPDATE_YES:
        return "yes";
    }
    g_assert_not_reached();
}

void store_report_write_generations(char *const *generations, Sink *sink) {
    sink_open_array(sink, "{ss}");
    for (guint purpose = 0; generations && purpose < CERTIFICATE_N_PURPOSES - 1; purpose++) {
        sink_open_dict_entry(sink, "ss");
        sink_string(sink, certificate_purpose_to_string((CertificatePurpose)purpose));
        sink_string(sink, generations[purpose]);
        sink_close(sink);
    }
    sink_close(sink);
}

static void write_secure_boot(Sink *sink, const StoreReport *report) {
    sink_entry_boolean(sink, "setup-mode", report->is_setup_mode);
    sink_entry_string(sink, "secure-boot", secure_boot_to_string(report->secure_boot));
    sink_entry_string(sink, "secure-boot-reason", report->secure_boot_reason);
    write_certificates(sink, "platform-key", report->platform_key);
    write_certificates(sink, "key-exchange-keys", report->key_exchange_keys);
    write_certificates(sink, "signatures", report->signatures);
    write_certificates(sink, "forbidden-certificates", report->forbidden);
    write_number(sink, "forbidden-hashes", 'u', &report->forbidden_hashes);
    write_number(sink, "forbidden-room", 'u', &report->forbidden_room);

    sink_open_entry(sink, "certificates", "a{ss}");
    store_report_write_generations(report->generations, sink);
    sink_close_entry(sink);
    write_number(sink, "expires", 'x', &report->expires);
    sink_entry_string(sink, "guest-can-update-kek", kek_update_to_string(report->kek_update));
}

static void write_booting(Sink *sink, const StoreReport *report) {
    sink_open_entry(sink, "boot-order", "aq");
    sink_open_array(sink, "q");
    for (guint i = 0; i < report->boot_order->len; i++)
        sink_basic(sink, 'q', &g_array_index(report->boot_order, guint16, i));
    sink_close(sink);
    sink_close_entry(sink);

    sink_open_entry(sink, "boot-entries", "aa{sv}");
    sink_open_array(sink, "a{sv}");
    for (guint i = 0; i < report->boot_entries->len; i++) {
        const BootEntry *entry = report->boot_entries->pdata[i];

        sink_open_array(sink, "{sv}");
        write_number(sink, "number", 'q', &entry->number);
        sink_entry_string(sink, "title", entry->title);
        sink_entry_boolean(sink, "active", entry->is_active);
        sink_entry_string(sink, "path", entry->path);
        sink_entry_string(sink, "bound-to", device_path_binding_to_string(entry->binding));
        sink_close(sink);
    }
    sink_close(sink);
    sink_close_entry(sink);
}

static void write_list(Sink *sink, const Store *store) {
    sink_open_entry(sink, "list", "aa{sv}");
    sink_open_array(sink, "a{sv}");
    for (guint i = 0; i < store->variables->len; i++) {
        const StoreVariable *variable = store->variables->pdata[i];
        g_autofree char *time = efi_time_to_text(variable->time);

        sink_open_array(sink, "{sv}");
        write_guid(sink, "guid", &variable->guid);
        sink_entry_string(sink, "name", variable->name);
        write_number(sink, "attributes", 'u', &variable->attributes);
        sink_entry_uint64(sink, "size", g_bytes_get_size(variable->data));
        sink_entry_string(sink, "time", time);
        sink_close(sink);
    }
    sink_close(sink);
    sink_close_entry(sink);
}

void store_report_write(
        const StoreReport *report, const char *format, gboolean with_list, Sink *sink) {
    const Store *store = report->store;

    g_assert(report->sha256);
    sink_open_array(sink, "{sv}");
    sink_entry_string(sink, "kind", store_kind_to_string(store->kind));
    sink_entry_string(sink, "format", format);
    sink_entry_uint64(sink, "size", store->size);
    sink_entry_string(sink, "sha256", report->sha256);
    sink_entry_string(sink, "health", report->is_live ? "" : store_health_to_string(store->health));
    sink_entry_string(
            sink, "health-detail", report->is_live || !store->detail ? "" : store->detail);
    if (store->is_readable) {
        write_secure_boot(sink, report);
        write_booting(sink, report);
        write_number(sink, "variables", 'u', &store->variables->len);
        sink_entry_uint64(sink, "bytes-live", store->live);
        sink_entry_uint64(sink, "bytes-dead", store->dead);
        sink_entry_uint64(sink, "bytes-free", store->free);
        sink_entry_uint64(sink, "largest", store->largest);
        if (with_list)
            write_list(sink, store);
    }
    sink_close(sink);
}
