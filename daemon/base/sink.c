/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/sink.h"

/* -- vocabulary for the code that describes an answer --------------------------------- */

void sink_basic(Sink *sink, char type, gconstpointer value) {
    sink->type->basic(sink, type, value);
}

void sink_string(Sink *sink, const char *value) {
    sink_basic(sink, 's', value);
}

void sink_object_path(Sink *sink, const char *value) {
    sink_basic(sink, 'o', value);
}

void sink_uint32(Sink *sink, guint32 value) {
    sink_basic(sink, 'u', &value);
}

void sink_open_array(Sink *sink, const char *contents) {
    sink->type->open(sink, 'a', contents);
}

void sink_open_struct(Sink *sink, const char *contents) {
    sink->type->open(sink, 'r', contents);
}

void sink_open_dict_entry(Sink *sink, const char *contents) {
    sink->type->open(sink, 'e', contents);
}

void sink_close(Sink *sink) {
    sink->type->close(sink);
}

void sink_strv(Sink *sink, char *const *values) {
    sink_open_array(sink, "s");
    for (; values && *values; values++)
        sink_string(sink, *values);
    sink_close(sink);
}

void sink_words(Sink *sink, const GPtrArray *words) {
    sink_open_array(sink, "s");
    for (guint i = 0; i < words->len; i++)
        sink_string(sink, words->pdata[i]);
    sink_close(sink);
}

void sink_open_entry(Sink *sink, const char *key, const char *contents) {
    sink_open_dict_entry(sink, "sv");
    sink_string(sink, key);
    sink->type->open(sink, 'v', contents);
}

void sink_close_entry(Sink *sink) {
    sink_close(sink);
    sink_close(sink);
}

void sink_entry_string(Sink *sink, const char *key, const char *value) {
    sink_open_entry(sink, key, "s");
    sink_string(sink, value);
    sink_close_entry(sink);
}

void sink_entry_boolean(Sink *sink, const char *key, gboolean value) {
    sink_open_entry(sink, key, "b");
    sink_basic(sink, 'b', &value);
    sink_close_entry(sink);
}

void sink_entry_uint64(Sink *sink, const char *key, guint64 value) {
    sink_open_entry(sink, key, "t");
    sink_basic(sink, 't', &value);
    sink_close_entry(sink);
}

void sink_entry_strv(Sink *sink, const char *key, char *const *values) {
    sink_open_entry(sink, key, "as");
    sink_strv(sink, values);
    sink_close_entry(sink);
}

void sink_entry_words(Sink *sink, const char *key, const GPtrArray *words) {
    sink_open_entry(sink, key, "as");
    sink_words(sink, words);
    sink_close_entry(sink);
}

/* -- GVariant ---------------------------------------------------------------------------- */

struct VariantSink {
    Sink sink;
    /* a tuple of one member, because GVariantBuilder starts with a container */
    GVariantBuilder builder;
};

static GVariant *make_basic(char type, gconstpointer value) {
    switch (type) {
    case 's':
        return g_variant_new_string(value);
    case 'o':
        return g_variant_new_object_path(value);
    case 'b':
        return g_variant_new_boolean(*(const gboolean *)value);
    case 'y':
        return g_variant_new_byte(*(const guint8 *)value);
    case 'q':
        return g_variant_new_uint16(*(const guint16 *)value);
    case 'u':
        return g_variant_new_uint32(*(const guint32 *)value);
    case 't':
        return g_variant_new_uint64(*(const guint64 *)value);
    case 'x':
        return g_variant_new_int64(*(const gint64 *)value);
    default:
        g_assert_not_reached();
    }
}

static void variant_basic(Sink *sink, char type, gconstpointer value) {
    g_variant_builder_add_value(&((VariantSink *)sink)->builder, make_basic(type, value));
}

static char *container_type(char type, const char *contents) {
    switch (type) {
    case 'a':
        return g_strconcat("a", contents, NULL);
    case 'r':
        return g_strconcat("(", contents, ")", NULL);
    case 'e':
        return g_strconcat("{", contents, "}", NULL);
    case 'v':
        return g_strdup("v");
    default:
        g_assert_not_reached();
    }
}

static void variant_open(Sink *sink, char type, const char *contents) {
    g_autofree char *signature = container_type(type, contents);

    g_variant_builder_open(&((VariantSink *)sink)->builder, G_VARIANT_TYPE(signature));
}

static void variant_close(Sink *sink) {
    g_variant_builder_close(&((VariantSink *)sink)->builder);
}

VariantSink *variant_sink_new(void) {
    static const SinkType type = {
            .basic = variant_basic, .open = variant_open, .close = variant_close};
    VariantSink *sink = g_new0(VariantSink, 1);

    sink->sink.type = &type;
    g_variant_builder_init(&sink->builder, G_VARIANT_TYPE_TUPLE);
    return sink;
}

GVariant *variant_sink_end(VariantSink *sink) {
    g_autoptr(GVariant) tuple = g_variant_ref_sink(g_variant_builder_end(&sink->builder));

    g_assert(g_variant_n_children(tuple) == 1);
    g_free(sink);
    return g_variant_get_child_value(tuple, 0);
}

Sink *variant_sink_get_sink(VariantSink *sink) {
    return &sink->sink;
}
