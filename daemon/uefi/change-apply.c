/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "uefi/change-apply.h"

#include "base/error.h"
#include "uefi/change-edit.h"
#include "uefi/store-write.h"

#define DEFAULT_ATTRIBUTES 7

static void change_note_free(gpointer data) {
    ChangeNote *note = data;

    g_free(note->name);
    g_string_free(note->what, TRUE);
    g_free(note);
}

void change_result_free(ChangeResult *result) {
    if (!result)
        return;
    g_ptr_array_unref(result->notes);
    g_ptr_array_unref(result->missing);
    g_free(result);
}

static ChangeNote *find_note(ChangeResult *result, const EfiGuid *guid, const char *name) {
    ChangeNote *note;

    for (guint i = 0; i < result->notes->len; i++) {
        note = result->notes->pdata[i];
        if (efi_guid_equal(&note->guid, guid) && g_str_equal(note->name, name))
            return note;
    }
    note = g_new0(ChangeNote, 1);
    note->guid = *guid;
    note->name = g_strdup(name);
    note->what = g_string_new(NULL);
    g_ptr_array_add(result->notes, note);
    return note;
}

void change_edit_note(
        ChangeEdit *edit, const EfiGuid *guid, const char *name, const char *format, ...) {
    ChangeNote *note = find_note(edit->result, guid, name);
    va_list args;

    if (note->what->len > 0)
        g_string_append(note->what, "; ");
    va_start(args, format);
    g_string_append_vprintf(note->what, format, args);
    va_end(args);
}

static gboolean set_variable(ChangeEdit *edit, const Change *change, GError **error) {
    const StoreVariable *variable = store_find(edit->store, &change->guid, change->name);
    const guint32 attributes = change->has_attributes ? change->attributes
            : variable                                ? variable->attributes
                                                      : DEFAULT_ATTRIBUTES;

    change_edit_note(edit, &change->guid, change->name, "sets the value");
    store_set(edit->store, &change->guid, change->name, attributes, change->data);
    return TRUE;
}

static gboolean delete_variable(ChangeEdit *edit, const Change *change, GError **error) {
    char guid[EFI_GUID_TEXT_SIZE];

    if (store_remove(edit->store, &change->guid, change->name)) {
        change_edit_note(edit, &change->guid, change->name, "deletes it");
        return TRUE;
    }
    efi_guid_to_text(&change->guid, guid);
    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_NO_SUCH_VARIABLE, "there is no variable %s-%s",
            guid, change->name);
    return FALSE;
}

static const ChangeFunc functions[] = {
        [CHANGE_ENROLL] = change_enroll,           [CHANGE_ENROLL_KNOWN] = change_enroll_known,
        [CHANGE_ENROLL_FROM] = change_enroll_from, [CHANGE_UNENROLL] = change_unenroll,
        [CHANGE_SECURE_BOOT] = change_secure_boot, [CHANGE_BOOT_ORDER] = change_boot_order,
        [CHANGE_REMOVE_BOOT] = change_remove_boot, [CHANGE_SET] = set_variable,
        [CHANGE_DELETE] = delete_variable,
};

/* -- the difference --------------------------------------------------------------------- */

static gboolean is_same(const StoreVariable *a, const StoreVariable *b) {
    return !a || !b ? a == b : a->attributes == b->attributes && g_bytes_equal(a->data, b->data);
}

static gboolean differs(const ChangeEdit *edit, const EfiGuid *guid, const char *name) {
    return !is_same(store_find(edit->before, guid, name), store_find(edit->store, guid, name));
}

static gsize get_size(const Store *store, const ChangeNote *note) {
    const StoreVariable *variable = store_find(store, &note->guid, note->name);

    return variable ? g_bytes_get_size(variable->data) : 0;
}

/* Drops the notes of variables that are as before, such as those that were added and deleted. */
static void finish_notes(ChangeEdit *edit) {
    GPtrArray *notes = edit->result->notes;

    for (guint i = notes->len; i > 0; i--) {
        ChangeNote *note = notes->pdata[i - 1];

        if (!differs(edit, &note->guid, note->name)) {
            g_ptr_array_remove_index(notes, i - 1);
            continue;
        }
        note->before = get_size(edit->before, note);
        note->after = get_size(edit->store, note);
    }
}

/* The value of the firmware's variable SecureBoot. */
static gboolean is_enforced(const Store *store) {
    const StoreVariable *enable =
            store_find(store, &efi_secure_boot_enable_guid, "SecureBootEnable");

    if (!store_find(store, &efi_global_guid, "PK"))
        return FALSE;
    return !enable || g_bytes_get_size(enable->data) == 0 ||
            *(const guint8 *)g_bytes_get_data(enable->data, NULL) == 1;
}

/* The firmware measures SecureBoot, PK, KEK, db and dbx: TCG PC Client Platform Firmware Profile,
 * section 3.3.4.8. */
static gboolean changes_pcr7(const ChangeEdit *edit) {
    return is_enforced(edit->before) != is_enforced(edit->store) ||
            differs(edit, &efi_global_guid, "PK") || differs(edit, &efi_global_guid, "KEK") ||
            differs(edit, &efi_image_security_guid, "db") ||
            differs(edit, &efi_image_security_guid, "dbx");
}

/* -- all changes ------------------------------------------------------------------------ */

/* A copy to compare with: shares the data. */
static Store *copy_variables(const Store *store) {
    Store *copy = store_new(store->kind);

    for (guint i = 0; i < store->variables->len; i++) {
        StoreVariable *variable = g_memdup2(store->variables->pdata[i], sizeof(StoreVariable));

        variable->name = g_strdup(variable->name);
        variable->data = g_bytes_ref(variable->data);
        variable->origin = variable->origin ? g_bytes_ref(variable->origin) : NULL;
        g_ptr_array_add(copy->variables, variable);
    }
    return copy;
}

ChangeResult *changes_apply(
        Store *store, const GPtrArray *changes, const ChangeSources *sources, GError **error) {
    g_autoptr(ChangeResult) result = g_new0(ChangeResult, 1);
    g_autoptr(Store) before = copy_variables(store);
    ChangeEdit edit = {.store = store, .before = before, .sources = sources, .result = result};

    result->notes = g_ptr_array_new_with_free_func(change_note_free);
    result->missing = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < changes->len; i++) {
        const Change *change = changes->pdata[i];

        if (!functions[change->kind](&edit, change, error)) {
            g_prefix_error(error, "change %u: %s: ", i + 1, change_kind_to_string(change->kind));
            return NULL;
        }
    }
    finish_notes(&edit);
    result->pcr7 = changes_pcr7(&edit);
    return g_steal_pointer(&result);
}

void change_result_write(const ChangeResult *result, Sink *sink) {
    sink_open_entry(sink, "changes", "aa{sv}");
    sink_open_array(sink, "a{sv}");
    for (guint i = 0; i < result->notes->len; i++) {
        const ChangeNote *note = result->notes->pdata[i];
        char guid[EFI_GUID_TEXT_SIZE];

        efi_guid_to_text(&note->guid, guid);
        sink_open_array(sink, "{sv}");
        sink_entry_string(sink, "variable", note->name);
        sink_entry_string(sink, "guid", guid);
        sink_entry_uint64(sink, "before", note->before);
        sink_entry_uint64(sink, "after", note->after);
        sink_entry_string(sink, "what", note->what->str);
        sink_close(sink);
    }
    sink_close(sink);
    sink_close_entry(sink);
    sink_entry_boolean(sink, "pcr7", result->pcr7);
    sink_entry_words(sink, "missing", result->missing);
}
