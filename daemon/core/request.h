/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/vocab.h"
#include "core/qemu.h"

/*
 * A typed, validated request: architecture, machine type and requirements. One static table
 * (request.c) defines each key, its type, its keywords, and the calls that accept it.
 */

#define REQUEST_MAX_STRINGS 64 /* in one list */
#define REQUEST_MAX_STRING 255 /* bytes; names and keywords */
#define REQUEST_MAX_PATH 4095  /* bytes; PATH_MAX without its NUL; also of a reference */

/* The calls that accept requirements, one bit each. */
typedef enum RequestCall {
    REQUEST_CALL_SELECT = 1 << 0,
    REQUEST_CALL_EXPLAIN = 1 << 1,
    REQUEST_CALL_CAPABILITIES = 1 << 2,
    REQUEST_CALL_PREPARE = 1 << 3,
    REQUEST_CALL_IMPORT_VM = 1 << 4,
    REQUEST_CALL_GET_VM = 1 << 5,
    REQUEST_CALL_LIST_VMS = 1 << 6,
    REQUEST_CALL_REBIND = 1 << 7,
    REQUEST_CALL_RESET = 1 << 8,
    REQUEST_CALL_CLONE = 1 << 9,
    REQUEST_CALL_EXPORT = 1 << 10,
    REQUEST_CALL_IMPORT = 1 << 11,
    REQUEST_CALL_BARE = 1 << 12, /* accepts no keys */
    REQUEST_CALL_PIN = 1 << 13,  /* the requirements in a pin's record */
    REQUEST_CALL_GET_RESOLUTION = 1 << 14,
    REQUEST_CALL_READ_STORE = 1 << 15,     /* ReadVariables of the Manager */
    REQUEST_CALL_READ_VARIABLES = 1 << 16, /* of a VM */
    REQUEST_CALL_GET_VARIABLE = 1 << 17,
    REQUEST_CALL_SET_REFERENCE = 1 << 18, /* its argument is a key as well */
    REQUEST_CALL_ACQUIRE = 1 << 19,
    REQUEST_CALL_CHANGE_VARIABLES = 1 << 20,
    REQUEST_CALL_RESTORE = 1 << 21, /* as SET_REFERENCE */
} RequestCall;

typedef enum RequestRender {
    REQUEST_RENDER_QEMU = 1 << 0,
    REQUEST_RENDER_QEMU_LEGACY = 1 << 1,
    REQUEST_RENDER_LIBVIRT = 1 << 2,
    REQUEST_RENDER_LIBVIRT_FIELDS = 1 << 3,
} RequestRender;

typedef struct Request {
    RequestCall call;
    char *architecture; /* a QEMU target, for which others' names are taken; NULL: the call has none
                         */
    char *machine;      /* as asked: a type or an alias; NULL where the call has none */

    guint64 given; /* bit N: the table's key N is given */

    /* As in the contract's table; NULL or unset if the key is not given. */
    char *interface;
    GStrv features;
    GStrv without_features;
    GStrv devices;
    GStrv modes;
    GStrv formats;
    GStrv certificates;
    char *firmware;
    char *executable;
    gboolean host_supported;
    QemuVersion qemu_version; /* 0: not given */
    guint render;             /* RequestRender, or-ed */
    char *nvram_filename;

    char *create;    /* auto, never, new, adopt; NULL: auto */
    char *reference; /* "": none; NULL: not given */
    guint32 owner;
    gboolean has_owner;
    guint64 nvram_size;
    gboolean has_nvram_size;
    char *nvram_format;
    char *format;
    int nvram_template; /* a file descriptor; -1: none */
    gboolean lease;
    gboolean all;
    gboolean reset;
    gboolean convert;
    gboolean live;
    gboolean backup;
    guint32 index; /* of a backup */
    gboolean has_index;
    gboolean check;
    gboolean list;
    gboolean enroll; /* the keys of this host; TRUE unless it is given */
    gboolean dry_run;
    char *expected; /* SHA-256 of the store; NULL: any */
    char *boot;     /* of a copy: keep, clear-bound, clear; NULL: keep */
} Request;

/* A value as the caller sent it. Borrowed. */
typedef struct RequestValue {
    enum {
        REQUEST_VALUE_OTHER, /* a type that no key has */
        REQUEST_VALUE_STRING,
        REQUEST_VALUE_STRINGS,
        REQUEST_VALUE_BOOLEAN,
        REQUEST_VALUE_NUMBER,
        REQUEST_VALUE_SIZE,
        REQUEST_VALUE_FD,
    } type;
    const char *string;
    const char *const *strings; /* NULL-terminated */
    gboolean boolean;
    guint32 number;
    guint64 size; /* bytes */
    int fd;
} RequestValue;

/* All errors are FIRMWARE_ERROR_INVALID_ARGS, and name the argument or key. ARCHITECTURE and
 * MACHINE are NULL for a call without these arguments. */
Request *request_new(
        RequestCall call, const char *architecture, const char *machine, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
gboolean request_set(Request *request, const char *key, const RequestValue *value, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* Calls VISIT for each given requirement that filters: those that a pin records. */
typedef void (*RequestVisit)(const char *key, const RequestValue *value, gpointer userdata);
void request_visit_requirements(const Request *request, RequestVisit visit, gpointer userdata);

/* Both give the same requirements. */
gboolean request_same_requirements(const Request *a, const Request *b);

/* Returns a copy of the requirements alone. */
Request *request_copy_requirements(const Request *request) G_GNUC_WARN_UNUSED_RESULT;

void request_free(Request *request);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Request, request_free)
