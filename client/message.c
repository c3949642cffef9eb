/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "message.h"

#include <errno.h>

static int read_value(sd_bus_message *message, GVariant **ret);

static int read_members(sd_bus_message *message, GVariantBuilder *builder) {
    for (;;) {
        GVariant *member;
        int r;

        r = sd_bus_message_at_end(message, FALSE);
        if (r != 0)
            return MIN(r, 0);
        r = read_value(message, &member);
        if (r < 0)
            return r;
        g_variant_builder_add_value(builder, member);
    }
}

static int read_container(
        sd_bus_message *message, char type, const char *contents, GVariant **ret) {
    g_autofree char *signature = NULL;
    g_auto(GVariantBuilder) builder = {};
    int r;

    switch (type) {
    case SD_BUS_TYPE_ARRAY:
        signature = g_strdup_printf("a%s", contents);
        break;
    case SD_BUS_TYPE_STRUCT:
        signature = g_strdup_printf("(%s)", contents);
        break;
    case SD_BUS_TYPE_DICT_ENTRY:
        signature = g_strdup_printf("{%s}", contents);
        break;
    case SD_BUS_TYPE_VARIANT:
        signature = g_strdup("v");
        break;
    default:
        return -EBADMSG;
    }

    g_variant_builder_init(&builder, G_VARIANT_TYPE(signature));
    r = sd_bus_message_enter_container(message, type, contents);
    if (r < 0)
        return r;
    r = read_members(message, &builder);
    if (r < 0)
        return r;
    r = sd_bus_message_exit_container(message);
    if (r < 0)
        return r;

    *ret = g_variant_builder_end(&builder);
    return 0;
}

static GVariant *make_basic(char type, const void *value) {
    switch (type) {
    case SD_BUS_TYPE_BYTE:
        return g_variant_new_byte(*(const guint8 *)value);
    case SD_BUS_TYPE_BOOLEAN:
        return g_variant_new_boolean(*(const int *)value);
    case SD_BUS_TYPE_INT16:
        return g_variant_new_int16(*(const gint16 *)value);
    case SD_BUS_TYPE_UINT16:
        return g_variant_new_uint16(*(const guint16 *)value);
    case SD_BUS_TYPE_INT32:
        return g_variant_new_int32(*(const gint32 *)value);
    case SD_BUS_TYPE_UINT32:
        return g_variant_new_uint32(*(const guint32 *)value);
    case SD_BUS_TYPE_INT64:
        return g_variant_new_int64(*(const gint64 *)value);
    case SD_BUS_TYPE_UINT64:
        return g_variant_new_uint64(*(const guint64 *)value);
    case SD_BUS_TYPE_DOUBLE:
        return g_variant_new_double(*(const double *)value);
    case SD_BUS_TYPE_STRING:
        return g_variant_new_string(*(const char *const *)value);
    case SD_BUS_TYPE_OBJECT_PATH:
        return g_variant_new_object_path(*(const char *const *)value);
    case SD_BUS_TYPE_SIGNATURE:
        return g_variant_new_signature(*(const char *const *)value);
    case SD_BUS_TYPE_UNIX_FD:
        return g_variant_new_handle(*(const int *)value);
    default:
        return NULL;
    }
}

/* RET is floating. */
static int read_value(sd_bus_message *message, GVariant **ret) {
    union {
        guint64 number;
        double real;
        const char *string;
    } value = {};
    const char *contents;
    GVariant *made;
    char type;
    int r;

    r = sd_bus_message_peek_type(message, &type, &contents);
    if (r < 0)
        return r;
    if (contents)
        return read_container(message, type, contents, ret);

    r = sd_bus_message_read_basic(message, type, &value);
    if (r < 0)
        return r;
    made = make_basic(type, &value);
    if (!made)
        return -EBADMSG;
    *ret = made;
    return 0;
}

int message_read(sd_bus_message *message, GVariant **ret) {
    g_auto(GVariantBuilder) builder = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_TUPLE);
    int r;

    r = read_members(message, &builder);
    if (r < 0)
        return r;
    *ret = g_variant_ref_sink(g_variant_builder_end(&builder));
    return 0;
}

static int append_value(sd_bus_message *message, GVariant *value);

static int append_container(sd_bus_message *message, char type, GVariant *container) {
    const char *whole = g_variant_get_type_string(container);
    g_autofree char *contents = NULL;
    int r;

    if (type == SD_BUS_TYPE_VARIANT) {
        g_autoptr(GVariant) child = g_variant_get_variant(container);
        contents = g_strdup(g_variant_get_type_string(child));
    } else if (type == SD_BUS_TYPE_ARRAY) {
        contents = g_strdup(whole + 1);
    } else {
        /* without the brackets */
        contents = g_strndup(whole + 1, strlen(whole) - 2);
    }

    r = sd_bus_message_open_container(message, type, contents);
    if (r < 0)
        return r;
    r = message_append(message, container);
    if (r < 0)
        return r;
    return sd_bus_message_close_container(message);
}

static int append_value(sd_bus_message *message, GVariant *value) {
    char type = g_variant_get_type_string(value)[0];

    switch (type) {
    case '(':
        return append_container(message, SD_BUS_TYPE_STRUCT, value);
    case '{':
        return append_container(message, SD_BUS_TYPE_DICT_ENTRY, value);
    case 'a':
        /* a MiB of bytes, one by one, takes seconds */
        if (g_variant_is_of_type(value, G_VARIANT_TYPE_BYTESTRING))
            return sd_bus_message_append_array(
                    message, 'y', g_variant_get_data(value), g_variant_get_size(value));
        return append_container(message, type, value);
    case 'v':
        return append_container(message, type, value);
    case 's':
    case 'o':
        return sd_bus_message_append_basic(message, type, g_variant_get_string(value, NULL));
    case 'b':
        return sd_bus_message_append_basic(message, type, &(int){g_variant_get_boolean(value)});
    case 'h':
        return sd_bus_message_append_basic(message, type, &(int){g_variant_get_handle(value)});
    case 'q':
        return sd_bus_message_append_basic(message, type, &(guint16){g_variant_get_uint16(value)});
    case 'u':
        return sd_bus_message_append_basic(message, type, &(guint32){g_variant_get_uint32(value)});
    case 't':
        return sd_bus_message_append_basic(message, type, &(guint64){g_variant_get_uint64(value)});
    default:
        /* no argument of the interface has another type */
        g_assert_not_reached();
    }
}

int message_append(sd_bus_message *message, GVariant *tuple) {
    GVariantIter iter;
    GVariant *member;

    g_variant_iter_init(&iter, tuple);
    while ((member = g_variant_iter_next_value(&iter))) {
        g_autoptr(GVariant) owned = member;
        int r = append_value(message, owned);
        if (r < 0)
            return r;
    }
    return 0;
}
