/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "offline-request.h"

static gboolean set_key(Request *request, const char *key, GVariant *value, GError **error) {
    g_autofree const char **strings = NULL;
    RequestValue typed = {};

    if (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)) {
        typed.type = REQUEST_VALUE_STRING;
        typed.string = g_variant_get_string(value, NULL);
    } else if (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING_ARRAY)) {
        strings = g_variant_get_strv(value, NULL);
        typed.type = REQUEST_VALUE_STRINGS;
        typed.strings = strings;
    } else if (g_variant_is_of_type(value, G_VARIANT_TYPE_BOOLEAN)) {
        typed.type = REQUEST_VALUE_BOOLEAN;
        typed.boolean = g_variant_get_boolean(value);
    } else if (g_variant_is_of_type(value, G_VARIANT_TYPE_UINT32)) {
        typed.type = REQUEST_VALUE_NUMBER;
        typed.number = g_variant_get_uint32(value);
    } else if (g_variant_is_of_type(value, G_VARIANT_TYPE_UINT64)) {
        typed.type = REQUEST_VALUE_SIZE;
        typed.size = g_variant_get_uint64(value);
    } else if (g_variant_is_of_type(value, G_VARIANT_TYPE_HANDLE)) {
        typed.type = REQUEST_VALUE_FD;
        typed.fd = g_variant_get_handle(value);
    }
    return request_set(request, key, &typed, error);
}

Request *offline_request_read(
        RequestCall call, const char *architecture, const char *machine, GVariant *options,
        GError **error) {
    g_autoptr(Request) request = request_new(call, architecture, machine, error);
    GVariantIter iter;
    const char *key;
    GVariant *value;

    g_variant_iter_init(&iter, options);
    while (request && g_variant_iter_next(&iter, "{&sv}", &key, &value)) {
        g_autoptr(GVariant) owned = value;

        if (!set_key(request, key, owned, error))
            return NULL;
    }
    return g_steal_pointer(&request);
}
