/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/vm-answer.h"

#include "vm/vm-backups.h"

static void write_nvram(Sink *sink, const VMOp *op, const VMResult *result, const Pin *pin) {
    g_autofree char *filename = NULL;

    if (!pin->has_nvram)
        return;

    filename = vmstore_nvram_path(op->store, op->owner, op->id, pin->nvram_format);
    sink_open_entry(sink, "nvram", "a{sv}");
    sink_open_array(sink, "{sv}");
    sink_entry_string(sink, "filename", filename);
    sink_entry_string(sink, "format", image_format_to_string(pin->nvram_format));
    sink_entry_uint64(sink, "size", pin->nvram_size);
    sink_entry_boolean(sink, "created", result->is_created);
    sink_close(sink);
    sink_close_entry(sink);
}

static void write_requirement(const char *key, const RequestValue *value, gpointer sink) {
    switch (value->type) {
    case REQUEST_VALUE_STRING:
        sink_entry_string(sink, key, value->string);
        return;
    case REQUEST_VALUE_STRINGS:
        sink_entry_strv(sink, key, (char *const *)value->strings);
        return;
    case REQUEST_VALUE_BOOLEAN:
        sink_entry_boolean(sink, key, value->boolean);
        return;
    case REQUEST_VALUE_SIZE:
        sink_entry_uint64(sink, key, value->size);
        return;
    case REQUEST_VALUE_NUMBER:
    case REQUEST_VALUE_FD:
    case REQUEST_VALUE_OTHER:
        break; /* no requirement has such a type */
    }
    g_assert_not_reached();
}

static void write_requirements(Sink *sink, const Request *request) {
    sink_open_entry(sink, "requirements", "a{sv}");
    sink_open_array(sink, "{sv}");
    request_visit_requirements(request, write_requirement, sink);
    sink_close(sink);
    sink_close_entry(sink);
}

void vm_answer_resolution_entries(
        Sink *sink, const VMOp *op, const VMResult *result, const Rendering *rendering) {
    g_autoptr(GPtrArray) changed = vm_differences_to_words(result->differences);

    answer_resolution_entries(
            sink, result->resolution,
            vm_look_get_summary(result->condition.look ? result->condition.look : op->look),
            rendering);
    write_nvram(sink, op, result, result->pin ? result->pin : op->pin);
    sink_entry_boolean(sink, "pinned", op->pin != NULL && op->request->call != REQUEST_CALL_REBIND);
    sink_entry_words(sink, "changed", changed);
    if (op->request->call == REQUEST_CALL_GET_RESOLUTION) {
        write_requirements(sink, op->pin->request);
        sink_entry_strv(sink, "enrolled", op->pin->enrolled);
    }
}

static void write_report(
        Sink *sink, const char *key, const StoreReport *report, const VMResult *result) {
    sink_open_entry(sink, key, "a{sv}");
    store_report_write(report, image_format_to_string(result->store_format), FALSE, sink);
    sink_close_entry(sink);
}

void vm_answer_changes(Sink *sink, const VMResult *result) {
    sink_open_array(sink, "{sv}");
    change_result_write(result->change, sink);
    write_report(sink, "before", result->before_report, result);
    write_report(sink, "after", result->report, result);
    sink_entry_string(sink, "sha256", result->before_report->sha256);
    sink_close(sink);
}

void vm_answer_row(
        Sink *sink, const char *id, uid_t owner, const Pin *pin, const char *state,
        const char *path) {
    sink_open_struct(sink, "susso");
    sink_string(sink, id);
    sink_uint32(sink, owner);
    sink_string(sink, pin->resolution->name);
    sink_string(sink, state);
    sink_object_path(sink, path);
    sink_close(sink);
}

static void write_look(Sink *sink, const VMReport *report) {
    const Pin *pin = report->pin;
    const StoreSummary *store = vm_look_get_summary(report->look);
    const gint64 expires = store_summary_get_expires(store);

    sink_entry_string(
            sink, "secure-boot",
            store_summary_get_secure_boot(
                    store,
                    descriptor_has_feature(pin->resolution->descriptor, FEATURE_SECURE_BOOT)));
    sink_open_entry(sink, "certificates", "a{ss}");
    store_report_write_generations(store_summary_get_generations(store), sink);
    sink_close_entry(sink);
    sink_open_entry(sink, "expires", "x");
    sink_basic(sink, 'x', &expires);
    sink_close_entry(sink);
    sink_entry_string(sink, "health", store_summary_get_health(store));
}

void vm_answer_report(Sink *sink, const VMReport *report) {
    const char *reference = report->shows_reference ? report->pin->reference : NULL;

    sink_open_array(sink, "{sv}");
    sink_entry_string(sink, "id", report->id);
    sink_open_entry(sink, "owner", "u");
    sink_uint32(sink, report->owner);
    sink_close_entry(sink);
    sink_open_entry(sink, "object", "o");
    sink_object_path(sink, report->path);
    sink_close_entry(sink);
    sink_entry_string(sink, "firmware", report->pin->resolution->name);
    sink_entry_string(sink, "state", report->state);
    sink_entry_string(sink, "reference", reference ? reference : "");
    sink_entry_uint64(sink, "created", report->pin->created);
    sink_entry_uint64(sink, "last-prepared", report->last_prepared);
    write_look(sink, report);
    sink_close(sink);
}

static void write_backup(Sink *sink, const BackupReport *report) {
    const Backup *backup = &report->backup;

    sink_open_array(sink, "{sv}");
    sink_open_entry(sink, "index", "u");
    sink_uint32(sink, backup->serial);
    sink_close_entry(sink);
    sink_entry_uint64(sink, "time", backup->time);
    sink_entry_string(sink, "reason", backup_reason_to_string(backup->reason));
    sink_entry_string(sink, "format", image_format_to_string(backup->format));
    sink_entry_uint64(sink, "size", backup->size);
    sink_entry_string(sink, "sha256", report->sha256);
    sink_entry_string(sink, "health", store_health_to_string(report->health));
    sink_close(sink);
}

void vm_answer_backups(Sink *sink, const GPtrArray *backups) {
    sink_open_array(sink, "a{sv}");
    for (guint i = 0; i < backups->len; i++)
        write_backup(sink, backups->pdata[i]);
    sink_close(sink);
}

void vm_answer_nvram_names(
        Sink *sink, const VMStore *store, uid_t owner, const char *id, const Pin *pin) {
    g_autofree char *filename =
            pin->has_nvram ? vmstore_nvram_path(store, owner, id, pin->nvram_format) : NULL;

    sink_open_struct(sink, "ss");
    sink_string(sink, filename ? filename : "");
    sink_string(sink, filename ? image_format_to_string(pin->nvram_format) : "");
    sink_close(sink);
}
