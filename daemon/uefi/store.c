/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "uefi/store.h"

/* The common parts of all formats of variable stores. */

const char *store_kind_to_string(StoreKind kind) {
    switch (kind) {
    case STORE_KIND_UNKNOWN:
        return "unknown";
    case STORE_KIND_BLANK:
        return "blank";
    case STORE_KIND_EDK2:
        return "edk2";
    case STORE_KIND_EDK2_PLAIN:
        return "edk2-plain";
    case STORE_KIND_QEMU_JSON:
        return "qemu-json";
    }
    g_assert_not_reached();
}

const char *store_health_to_string(StoreHealth health) {
    switch (health) {
    case STORE_HEALTH_OK:
        return "ok";
    case STORE_HEALTH_TORN:
        return "torn";
    case STORE_HEALTH_PENDING:
        return "pending";
    case STORE_HEALTH_DAMAGED:
        return "damaged";
    case STORE_HEALTH_TRUNCATED:
        return "truncated";
    case STORE_HEALTH_EMPTY:
        return "empty";
    case STORE_HEALTH_UNREADABLE:
        return "unreadable";
    }
    g_assert_not_reached();
}

Store *store_new(StoreKind kind) {
    Store *store = g_new0(Store, 1);

    store->kind = kind;
    store->variables = g_ptr_array_new_with_free_func((GDestroyNotify)store_variable_free);
    return store;
}

void store_set_health(Store *store, StoreHealth health, const char *format, ...) {
    va_list arguments;

    if (store->health >= health)
        return;

    g_free(store->detail);
    va_start(arguments, format);
    store->detail = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    store->health = health;
}

void store_variable_free(StoreVariable *variable) {
    if (!variable)
        return;
    g_free(variable->name);
    g_bytes_unref(variable->data);
    g_bytes_unref(variable->origin);
    g_free(variable);
}

void store_free(Store *store) {
    if (!store)
        return;
    g_free(store->detail);
    g_bytes_unref(store->bytes);
    g_ptr_array_unref(store->variables);
    g_free(store);
}

const StoreVariable *store_find(const Store *store, const EfiGuid *guid, const char *name) {
    for (guint i = 0; i < store->variables->len; i++) {
        const StoreVariable *variable = store->variables->pdata[i];

        if (efi_guid_equal(&variable->guid, guid) && g_str_equal(variable->name, name))
            return variable;
    }
    return NULL;
}
