/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * A writer of D-Bus values. The shape of each answer is described once, through a sink, which
 * writes the values into an sd-bus message (bus/message-sink.h) or into a GVariant. A sink
 * remembers its first failure and ignores later values: code that describes an answer checks no
 * results, and the owner of the sink checks for a failure at the end.
 */

typedef struct Sink Sink;

/* TYPE is a D-Bus type code: a basic type, or 'a' (array), 'r' (struct), 'e' (dict entry) or 'v'
 * (variant). CONTENTS is the signature of the container's contents. */
typedef struct SinkType {
    /* VALUE is the string itself for 's' and 'o', otherwise the address of an int (b, h) or of an
     * integer of the type's width, as for sd_bus_message_append_basic(). */
    void (*basic)(Sink *sink, char type, gconstpointer value);
    void (*open)(Sink *sink, char type, const char *contents);
    void (*close)(Sink *sink);
} SinkType;

/* The first member of each kind of sink. */
struct Sink {
    const SinkType *type;
};

void sink_string(Sink *sink, const char *value);
void sink_object_path(Sink *sink, const char *value);
void sink_uint32(Sink *sink, guint32 value);
void sink_basic(Sink *sink, char type, gconstpointer value);
/* Writes an array of strings; NULL is an empty array. */
void sink_strv(Sink *sink, char *const *values);
/* Writes an array of strings from a GPtrArray of char*. */
void sink_words(Sink *sink, const GPtrArray *words);

/* The caller closes each open container with one sink_close(). CONTENTS is the signature of an
 * element, or of a struct's members. */
void sink_open_array(Sink *sink, const char *contents);
void sink_open_struct(Sink *sink, const char *contents);
void sink_open_dict_entry(Sink *sink, const char *contents);
void sink_close(Sink *sink);

/* Entries of an a{sv}. The caller closes an open entry, whose value has the type CONTENTS, with
 * sink_close_entry(). */
void sink_open_entry(Sink *sink, const char *key, const char *contents);
void sink_close_entry(Sink *sink);
void sink_entry_string(Sink *sink, const char *key, const char *value);
void sink_entry_boolean(Sink *sink, const char *key, gboolean value);
void sink_entry_uint64(Sink *sink, const char *key, guint64 value);
void sink_entry_strv(Sink *sink, const char *key, char *const *values);
void sink_entry_words(Sink *sink, const char *key, const GPtrArray *words);

/* A sink that builds one GVariant. */
typedef struct VariantSink VariantSink;

VariantSink *variant_sink_new(void) G_GNUC_WARN_UNUSED_RESULT;
/* Frees SINK and returns the one value that was written to it, as a full reference, not
 * floating. */
GVariant *variant_sink_end(VariantSink *sink) G_GNUC_WARN_UNUSED_RESULT;
Sink *variant_sink_get_sink(VariantSink *sink);
