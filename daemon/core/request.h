/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vocab.h"

/*
 * A question, typed and validated: architecture, machine type and requirements. One static table
 * (request.c) says which keys there are, of which type, with which words, in which calls.
 */

#define REQUEST_MAX_STRINGS 64 /* in one list */
#define REQUEST_MAX_STRING 255 /* bytes; names and words */
#define REQUEST_MAX_PATH 4095  /* bytes; PATH_MAX without its NUL */

/* The calls that take requirements, as a bit each. */
typedef enum RequestCall {
    REQUEST_CALL_SELECT = 1 << 0,
    REQUEST_CALL_EXPLAIN = 1 << 1,
    REQUEST_CALL_CAPABILITIES = 1 << 2,
} RequestCall;

typedef enum RequestRender {
    REQUEST_RENDER_QEMU = 1 << 0,
    REQUEST_RENDER_QEMU_LEGACY = 1 << 1,
} RequestRender;

typedef struct Request {
    RequestCall call;
    char *architecture;
    char *machine; /* as asked: a type or an alias */

    guint64 given; /* bit N: the table's key N is given */

    /* Each as in the contract's table; NULL or unset where the key is not given. */
    char *interface;
    GStrv features;
    GStrv without_features;
    GStrv devices;
    GStrv modes;
    GStrv formats;
    char *firmware;
    char *executable;
    gboolean host_supported;
    guint render; /* RequestRender, or-ed */
    char *nvram_filename;
} Request;

/* A value as the caller sent it. Borrowed. */
typedef struct RequestValue {
    enum {
        REQUEST_VALUE_OTHER, /* a type that no key has */
        REQUEST_VALUE_STRING,
        REQUEST_VALUE_STRINGS,
        REQUEST_VALUE_BOOLEAN,
    } type;
    const char *string;
    const char *const *strings; /* NULL-terminated */
    gboolean boolean;
} RequestValue;

/* All errors are FIRMWARE_ERROR_INVALID_ARGS, and name the argument or key. */
Request *request_new(
        RequestCall call, const char *architecture, const char *machine, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
gboolean request_set(Request *request, const char *key, const RequestValue *value, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
void request_free(Request *request);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Request, request_free)
