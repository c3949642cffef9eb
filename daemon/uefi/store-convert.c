/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "uefi/store-convert.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "uefi/store-write.h"

/* EFI_VARIABLE_AUTHENTICATED_WRITE_ACCESS (deprecated), _TIME_BASED_AUTHENTICATED_WRITE_ACCESS */
#define ATTRIBUTES_AUTHENTICATED 0x30

typedef struct Name {
    const char *guid;
    const char *name;
} Name;

#define CERTIFICATE_DATABASE "d9bee56e-75dc-49d9-b4d7-b534210f637a"

/* What edk2 makes anew: the owners of private authenticated variables, a counter, a flag, a
 * memory map. */
static const Name made_anew[] = {
        {CERTIFICATE_DATABASE, "certdb"},
        {CERTIFICATE_DATABASE, "certdbv"},
        {"eb704011-1402-11d3-8e77-00a0c969723b", "MTC"},
        {"04b37fe8-f6ae-480b-bdd5-37d98c5e89aa", "VarErrorFlag"},
        {"9073e4e0-60ec-4b6e-9903-4c223c260f3c", "VendorKeysNv"},
        {"4c19049f-4137-4dd3-9c10-8b97a83ffdfa", "MemoryTypeInformation"},
};

/* Their owner is the platform key, not a certificate that a database has. */
static const Name keys[] = {
        {"8be4df61-93ca-11d2-aa0d-00e098032b8c", "PK"},
        {"8be4df61-93ca-11d2-aa0d-00e098032b8c", "KEK"},
        {"d719b2cb-3d3a-4596-a3bc-dad00e67656f", "db"},
        {"d719b2cb-3d3a-4596-a3bc-dad00e67656f", "dbx"},
};

static gboolean is_one_of(const StoreVariable *variable, const Name *names, gsize n_names) {
    for (gsize i = 0; i < n_names; i++) {
        EfiGuid guid;

        if (efi_guid_parse(names[i].guid, &guid) && efi_guid_equal(&guid, &variable->guid) &&
            g_str_equal(names[i].name, variable->name))
            return TRUE;
    }
    return FALSE;
}

static gboolean is_private(const StoreVariable *variable) {
    return (variable->attributes & ATTRIBUTES_AUTHENTICATED) &&
            !is_one_of(variable, keys, G_N_ELEMENTS(keys)) &&
            !is_one_of(variable, made_anew, G_N_ELEMENTS(made_anew));
}

static gboolean has_private(const Store *store) {
    for (guint i = 0; i < store->variables->len; i++)
        if (is_private(store->variables->pdata[i]))
            return TRUE;
    return FALSE;
}

static gsize get_size(const Store *store, const StoreVariable *variable) {
    glong n_units = 0;
    g_autofree gunichar2 *units = g_utf8_to_utf16(variable->name, -1, NULL, &n_units, NULL);

    return store->record_header + ((gsize)n_units + 1) * sizeof *units +
            g_bytes_get_size(variable->data);
}

/* NULL: TO can hold it. */
static char *find_obstacle(const Store *from, const Store *to, const StoreVariable *variable) {
    const gboolean is_authenticated = (variable->attributes & ATTRIBUTES_AUTHENTICATED) != 0;
    const gsize limit = is_authenticated ? to->largest : to->largest_plain;
    const gsize size = get_size(to, variable);

    if (is_authenticated && to->kind == STORE_KIND_EDK2_PLAIN)
        return g_strdup("it is authenticated, and the new store has no time stamps");
    if (is_private(variable) && from->kind != to->kind)
        return g_strdup("it is authenticated by a certificate of its own");
    return size > limit
            ? g_strdup_printf("%" G_GSIZE_FORMAT " bytes of at most %" G_GSIZE_FORMAT, size, limit)
            : NULL;
}

static void add_obstacle(GString *text, const StoreVariable *variable, const char *obstacle) {
    g_autofree char *name = text_make_printable(variable->name);

    g_string_append_printf(text, "%s%s (%s)", text->len > 0 ? ", " : "", name, obstacle);
}

/* Returns the variables that TO cannot hold, and why; "" if there is none. */
static GString *copy_all(const Store *from, Store *to) {
    GString *text = g_string_new(NULL);
    /* in flash they need the database that says who owns them */
    const gboolean needs_database = from->kind == to->kind && has_private(from);

    for (guint i = 0; i < from->variables->len; i++) {
        const StoreVariable *variable = from->variables->pdata[i];
        g_autofree char *obstacle = NULL;

        if (is_one_of(variable, made_anew, G_N_ELEMENTS(made_anew)) &&
            !(needs_database && g_str_has_prefix(variable->name, "certdb")))
            continue;
        obstacle = find_obstacle(from, to, variable);
        if (!obstacle && !store_add_copy(to, from, variable))
            obstacle = g_strdup("the new store cannot have its name");
        if (obstacle)
            add_obstacle(text, variable, obstacle);
    }
    return text;
}

GBytes *store_convert(const Store *from, const Store *model, GError **error) {
    g_autoptr(Store) source = store_new_writable(from, error);
    g_autoptr(Store) to = source ? store_new_writable(model, error) : NULL;
    g_autoptr(GString) lost = NULL;
    g_autoptr(GError) failure = NULL;
    GBytes *bytes;

    if (!to)
        return NULL;
    g_ptr_array_set_size(to->variables, 0);
    lost = copy_all(source, to);
    if (lost->len > 0) {
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_NVRAM_MISMATCH,
                "the new store cannot hold %s; nothing has changed", lost->str);
        return NULL;
    }
    bytes = store_write(to, &failure);
    if (!bytes)
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_NVRAM_MISMATCH, "%s; nothing has changed",
                failure->message);
    return bytes;
}
