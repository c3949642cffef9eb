/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include "base/error.h"
#include "uefi/bootopt.h"
#include "uefi/change-edit.h"
#include "uefi/store-write.h"

/* Boot entries and their order. */

#define BOOT_ORDER "BootOrder"
#define BOOT_NEXT "BootNext"
#define DEFAULT_ATTRIBUTES 7
#define MAC_LENGTH 12 /* digits of an Ethernet address */

static GArray *read_order(const Store *store) {
    const StoreVariable *variable = store_find(store, &efi_global_guid, BOOT_ORDER);
    GArray *order = g_array_new(FALSE, FALSE, sizeof(guint16));
    gsize size = 0;
    const guint8 *data = variable ? g_bytes_get_data(variable->data, &size) : NULL;

    for (gsize at = 0; at + 2 <= size; at += 2) {
        const guint16 number = efi_u16(data + at);

        g_array_append_val(order, number);
    }
    return order;
}

static void write_order(ChangeEdit *edit, const GArray *order) {
    const StoreVariable *variable = store_find(edit->store, &efi_global_guid, BOOT_ORDER);
    g_autoptr(GByteArray) data = g_byte_array_new();
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GBytes) bytes = NULL;

    for (guint i = 0; i < order->len; i++) {
        const guint16 number = g_array_index(order, guint16, i);
        guint8 unit[2];

        efi_put_u16(unit, number);
        g_byte_array_append(data, unit, sizeof unit);
        g_string_append_printf(text, "%s%04X", i > 0 ? "," : "", number);
    }
    if (order->len == 0) {
        change_edit_note(edit, &efi_global_guid, BOOT_ORDER, "deletes it");
        (void)store_remove(edit->store, &efi_global_guid, BOOT_ORDER);
        return;
    }
    change_edit_note(edit, &efi_global_guid, BOOT_ORDER, "sets the order %s", text->str);
    bytes = g_bytes_new(data->data, data->len);
    store_set(
            edit->store, &efi_global_guid, BOOT_ORDER,
            variable ? variable->attributes : DEFAULT_ATTRIBUTES, bytes);
}

static gboolean is_entry(const StoreVariable *variable, guint16 *ret_number) {
    return efi_guid_equal(&variable->guid, &efi_global_guid) &&
            boot_entry_parse_name(variable->name, ret_number);
}

/* KEY and CODE: of the error. */
static gboolean check_exist(
        const ChangeEdit *edit, const GArray *numbers, const char *key, FirmwareError code,
        GError **error) {
    BootNumbers present = {};
    guint16 number;

    for (guint i = 0; i < edit->store->variables->len; i++)
        if (is_entry(edit->store->variables->pdata[i], &number))
            (void)boot_numbers_add(&present, number);
    for (guint i = 0; i < numbers->len; i++) {
        number = g_array_index(numbers, guint16, i);
        if (!boot_numbers_has(&present, number)) {
            g_set_error(
                    error, FIRMWARE_ERROR, (int)code, "%s: there is no boot entry Boot%04X", key,
                    number);
            return FALSE;
        }
    }
    return TRUE;
}

gboolean change_boot_order(ChangeEdit *edit, const Change *change, GError **error) {
    if (!check_exist(edit, change->numbers, "order", FIRMWARE_ERROR_INVALID_ARGS, error))
        return FALSE;
    write_order(edit, change->numbers);
    return TRUE;
}

/* -- removing --------------------------------------------------------------------------- */

/* Returns the digits of the network card's address in the entry's path, or NULL. */
static char *find_mac(const BootEntry *entry) {
    const char *mac = strstr(entry->path, "MAC(");

    if (!mac || strspn(mac + 4, "0123456789abcdefABCDEF") < MAC_LENGTH)
        return NULL;
    return g_strndup(mac + 4, MAC_LENGTH);
}

/* edk2's network drivers name the variables of a card by its address (NetLibGetMacString()), with a
 * VLAN or a driver's suffix. */
static void remove_variables_of_card(ChangeEdit *edit, const char *mac) {
    const GPtrArray *variables = edit->store->variables;

    for (guint i = variables->len; i > 0; i--) {
        const StoreVariable *variable = variables->pdata[i - 1];
        const EfiGuid guid = variable->guid;
        g_autofree char *name = g_strdup(variable->name);

        if (g_ascii_strncasecmp(name, mac, MAC_LENGTH) != 0)
            continue;
        change_edit_note(edit, &guid, name, "deletes the settings of the network card %s", mac);
        (void)store_remove(edit->store, &guid, name);
    }
}

static void remove_entry(ChangeEdit *edit, const BootEntry *entry) {
    g_autofree char *name = g_strdup_printf("Boot%04X", entry->number);
    g_autofree char *mac = find_mac(entry);

    change_edit_note(edit, &efi_global_guid, name, "removes the boot entry \"%s\"", entry->title);
    (void)store_remove(edit->store, &efi_global_guid, name);
    if (mac)
        remove_variables_of_card(edit, mac);
}

/* Entries and their numbers. */
static GPtrArray *find_entries(const ChangeEdit *edit, const Change *change) {
    GPtrArray *entries = g_ptr_array_new_with_free_func((GDestroyNotify)boot_entry_free);
    BootNumbers wanted = {};

    for (guint i = 0; change->numbers && i < change->numbers->len; i++)
        (void)boot_numbers_add(&wanted, g_array_index(change->numbers, guint16, i));
    for (guint i = 0; i < edit->store->variables->len; i++) {
        const StoreVariable *variable = edit->store->variables->pdata[i];
        g_autoptr(BootEntry) entry = NULL;
        gsize size;
        const guint8 *data = g_bytes_get_data(variable->data, &size);
        guint16 number;

        if (!is_entry(variable, &number))
            continue;
        entry = boot_entry_new(number, data, size);
        if (change->all || (change->bound && entry->binding != DEVICE_PATH_BOUND_TO_NOTHING) ||
            boot_numbers_has(&wanted, number))
            g_ptr_array_add(entries, g_steal_pointer(&entry));
    }
    return entries;
}

static gboolean has_entry(const ChangeEdit *edit, guint16 number) {
    g_autofree char *name = g_strdup_printf("Boot%04X", number);

    return store_find(edit->store, &efi_global_guid, name) != NULL;
}

/* Removes from BootOrder and BootNext the entries that are gone. With "all" nothing is left of
 * them. */
static void remove_places(ChangeEdit *edit, const Change *change, const GPtrArray *entries) {
    g_autoptr(GArray) order = read_order(edit->store);
    const StoreVariable *next = store_find(edit->store, &efi_global_guid, BOOT_NEXT);
    g_autoptr(GArray) left = g_array_new(FALSE, FALSE, sizeof(guint16));
    BootNumbers gone = {};

    for (guint i = 0; i < entries->len; i++)
        (void)boot_numbers_add(&gone, ((const BootEntry *)entries->pdata[i])->number);
    for (guint i = 0; i < order->len; i++) {
        const guint16 number = g_array_index(order, guint16, i);

        if (!change->all && !boot_numbers_has(&gone, number))
            g_array_append_val(left, number);
    }
    if (left->len != order->len)
        write_order(edit, left);
    if (!next ||
        (g_bytes_get_size(next->data) >= 2 &&
         has_entry(edit, efi_u16(g_bytes_get_data(next->data, NULL)))))
        return;
    change_edit_note(edit, &efi_global_guid, BOOT_NEXT, "deletes it");
    (void)store_remove(edit->store, &efi_global_guid, BOOT_NEXT);
}

gboolean change_remove_boot(ChangeEdit *edit, const Change *change, GError **error) {
    g_autoptr(GPtrArray) entries = NULL;

    if (change->numbers &&
        !check_exist(edit, change->numbers, "numbers", FIRMWARE_ERROR_NO_SUCH_VARIABLE, error))
        return FALSE;
    entries = find_entries(edit, change);
    for (guint i = 0; i < entries->len; i++)
        remove_entry(edit, entries->pdata[i]);
    remove_places(edit, change, entries);
    return TRUE;
}
