/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <systemd/sd-bus.h>

#include "bus/names.h"
#include "options.h"
#include "service/sd-cleanup.h"

/*
 * The service on the selected bus, or in this process: calls as GVariants, D-Bus errors as
 * CLIENT_ERROR with a one-line message that names the failure and the next step.
 */

/* Calls that change something do file work, or wait for authentication. Calls on all VMs read the
 * variables of each that has changed. */
#define CONNECTION_CHANGE_TIMEOUT_SEC 600

typedef enum CallKind {
    CALL_READ,     /* libsystemd's default: 25 s, or $SYSTEMD_BUS_TIMEOUT */
    CALL_READ_ALL, /* of all VMs: CONNECTION_CHANGE_TIMEOUT_SEC */
    CALL_CHANGE,   /* polkit may ask: the same */
} CallKind;

typedef struct Connection Connection;

/* OPTIONS is borrowed, and must outlive the connection. IS_READ: the calls only read the catalog.
 * Then they are answered in this process (offline.h) by --offline, and also where neither a bus nor
 * the service answers, unless the command line names a bus. */
Connection *connection_open(const Options *options, gboolean is_read, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
void connection_close(Connection *connection);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Connection, connection_close)

/* NULL: this process answers. */
sd_bus *connection_get_bus(Connection *connection);

/* An answer. A handle in BODY is a file descriptor of MESSAGE. */
typedef struct Reply {
    sd_bus_message *message;
    GVariant *body; /* a tuple */
} Reply;

void reply_clear(Reply *reply);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Reply, reply_clear)

/* WHAT names the call in messages ("reset my-vm"). ARGUMENTS is a tuple or NULL; a floating one is
 * consumed; a handle in it is a file descriptor, which the caller keeps. TYPE is the expected type
 * of the reply's body. */
gboolean connection_call(
        Connection *connection, CallKind kind, const char *what, const char *path,
        const char *interface, const char *method, GVariant *arguments, const char *type,
        Reply *ret_reply, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The same for the Manager. */
gboolean connection_call_manager(
        Connection *connection, CallKind kind, const char *what, const char *method,
        GVariant *arguments, const char *type, Reply *ret_reply, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* Returns all properties of an object, converted by value_from_properties(). */
GVariant *connection_get_properties(
        Connection *connection, const char *what, const char *path, const char *interface,
        GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Reports an error of an open connection. R is a negative errno. */
void connection_set_error(Connection *connection, const char *what, int r, GError **error);
