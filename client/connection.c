/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "connection.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "agent.h"
#include "base/error.h"
#include "error.h"
#include "failure.h"
#include "offline.h"
#include "message.h"
#include "progress.h"
#include "value.h"

#define PROPERTIES_INTERFACE "org.freedesktop.DBus.Properties"

struct Connection {
    const Options *options;
    sd_bus *bus;            /* NULL: OFFLINE answers */
    Offline *offline;       /* NULL: the service answers */
    gboolean may_fall_back; /* to OFFLINE: nothing has answered yet */
};

/* A call that is under way. */
typedef struct Pending {
    sd_bus_message *reply; /* NULL: pending */
} Pending;

static void pending_clear(Pending *pending) {
    sd_bus_message_unref(pending->reply);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Pending, pending_clear)

static int open_bus(const Options *options, sd_bus **ret) {
    if (options->host)
        return sd_bus_open_system_remote(ret, options->host);
    if (options->container)
        return options->is_user ? sd_bus_open_user_machine(ret, options->container)
                                : sd_bus_open_system_machine(ret, options->container);
    return options->is_user ? sd_bus_open_user(ret) : sd_bus_open_system(ret);
}

/* Only the caller's own choice of a bus says that no other answer will do. */
static gboolean may_fall_back(const Options *options) {
    return !options->is_system && !options->is_user && !options->host && !options->container;
}

/* UNREACHABLE, which is consumed, is why the service does not answer. */
static gboolean fall_back(Connection *connection, GError *unreachable, GError **error) {
    g_autoptr(GError) owned = unreachable;

    if (!connection->may_fall_back) {
        g_propagate_error(error, g_steal_pointer(&owned));
        return FALSE;
    }
    connection->may_fall_back = FALSE;
    connection->bus = sd_bus_flush_close_unref(connection->bus);
    connection->offline = offline_new(connection->options, error);
    if (connection->offline)
        (void)fputs(
                "vmfirmwarectl: no service answers on the system bus; answering without it, as "
                "with --offline\n",
                stderr);
    return connection->offline != NULL;
}

Connection *connection_open(const Options *options, gboolean is_read, GError **error) {
    g_autoptr(Connection) connection = g_new0(Connection, 1);
    g_autoptr(GError) unreachable = NULL;
    int r;

    connection->options = options;
    if (options_are_offline(options)) {
        connection->offline = offline_new(options, error);
        return connection->offline ? g_steal_pointer(&connection) : NULL;
    }

    connection->may_fall_back = is_read && may_fall_back(options);
    r = open_bus(options, &connection->bus);
    if (r < 0) {
        failure_set_unreachable(options, r, &unreachable);
        if (!fall_back(connection, g_steal_pointer(&unreachable), error))
            return NULL;
    }
    return g_steal_pointer(&connection);
}

void connection_close(Connection *connection) {
    if (!connection)
        return;
    sd_bus_flush_close_unref(connection->bus);
    offline_free(connection->offline);
    g_free(connection);
}

sd_bus *connection_get_bus(Connection *connection) {
    return connection->bus;
}

void connection_set_error(Connection *connection, const char *what, int r, GError **error) {
    if (r == -ECONNRESET || r == -ENOTCONN || r == -EPIPE)
        failure_set_unreachable(connection->options, r, error);
    else
        g_set_error(error, CLIENT_ERROR, CLIENT_ERROR_FAILURE, "%s: %s", what, g_strerror(-r));
}

void reply_clear(Reply *reply) {
    sd_bus_message_unref(reply->message);
    if (reply->body)
        g_variant_unref(reply->body);
    *reply = (Reply){};
}

static int on_reply(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
    Pending *pending = userdata;

    pending->reply = sd_bus_message_ref(message);
    return 0;
}

/* sd_bus_call() would block without showing progress. */
static int send_and_wait(
        Connection *connection, sd_bus_message *message, guint64 timeout, Progress *progress,
        sd_bus_message **ret_reply) {
    g_auto(Pending) pending = {};
    g_autoptr(sd_bus_slot) slot = NULL;
    int r;

    r = sd_bus_call_async(connection->bus, &slot, message, on_reply, &pending, timeout);
    if (r < 0)
        return r;
    while (!pending.reply) {
        r = sd_bus_process(connection->bus, NULL);
        if (r == 0)
            r = sd_bus_wait(connection->bus, G_USEC_PER_SEC / 2);
        if (r < 0 && r != -EINTR && !pending.reply)
            return r;
        if (progress)
            progress_update(progress, 0, 0);
    }

    *ret_reply = g_steal_pointer(&pending.reply);
    return 0;
}

static int make_call(
        Connection *connection, const char *path, const char *interface, const char *method,
        GVariant *arguments, gboolean is_interactive, sd_bus_message **ret) {
    g_autoptr(sd_bus_message) message = NULL;
    int r;

    r = sd_bus_message_new_method_call(
            connection->bus, &message, BUS_NAME, path, interface, method);
    if (r < 0)
        return r;
    r = sd_bus_message_set_allow_interactive_authorization(message, is_interactive);
    if (r < 0)
        return r;
    if (arguments) {
        r = message_append(message, arguments);
        if (r < 0)
            return r;
    }

    *ret = g_steal_pointer(&message);
    return 0;
}

static gboolean wants_person(sd_bus_message *reply) {
    return sd_bus_message_is_method_error(reply, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED) >
            0;
}

/* Calls without interactive authentication first, which usually suffices, and then with it: so no
 * agent is started in vain, and its prompt and the progress do not overwrite each other. */
static int call_with_person(
        Connection *connection, const char *path, const char *interface, const char *method,
        GVariant *arguments, sd_bus_message **ret_reply) {
    const Options *options = connection->options;
    gboolean is_local = !options->host && !options->container;
    g_autoptr(sd_bus_message) message = NULL;
    G_GNUC_UNUSED g_autoptr(Agent) agent = is_local ? agent_start() : NULL;
    int r;

    r = make_call(connection, path, interface, method, arguments, TRUE, &message);
    if (r < 0)
        return r;
    return send_and_wait(
            connection, message, CONNECTION_CHANGE_TIMEOUT_SEC * G_USEC_PER_SEC, NULL, ret_reply);
}

static int call(
        Connection *connection, CallKind kind, const char *what, const char *path,
        const char *interface, const char *method, GVariant *arguments,
        sd_bus_message **ret_reply) {
    guint64 timeout = kind == CALL_READ ? 0 : CONNECTION_CHANGE_TIMEOUT_SEC * G_USEC_PER_SEC;
    g_autofree char *label = g_strdup_printf("vmfirmwarectl: %s", what);
    g_autoptr(sd_bus_message) message = NULL;
    g_autoptr(sd_bus_message) reply = NULL;
    g_auto(Progress) progress = {};
    int r;

    r = make_call(connection, path, interface, method, arguments, FALSE, &message);
    if (r < 0)
        return r;
    progress_begin(&progress, label);
    r = send_and_wait(connection, message, timeout, &progress, &reply);
    if (r < 0)
        return r;
    if (wants_person(reply) && !connection->options->no_ask_password) {
        progress_clear(&progress);
        return call_with_person(connection, path, interface, method, arguments, ret_reply);
    }

    *ret_reply = g_steal_pointer(&reply);
    return 0;
}

static gboolean call_service(
        Connection *connection, CallKind kind, const char *what, const char *path,
        const char *interface, const char *method, GVariant *arguments, Reply *ret_reply,
        GError **error) {
    g_auto(Reply) reply = {};
    int r;

    r = call(connection, kind, what, path, interface, method, arguments, &reply.message);
    if (r < 0) {
        connection_set_error(connection, what, r, error);
        return FALSE;
    }
    /* libsystemd answers pending calls itself when the connection breaks */
    if (sd_bus_is_open(connection->bus) <= 0) {
        failure_set_unreachable(connection->options, -ENOTCONN, error);
        return FALSE;
    }
    if (sd_bus_message_is_method_error(reply.message, NULL) > 0) {
        failure_set_bus_error(
                connection->options, what, sd_bus_message_get_error(reply.message), error);
        return FALSE;
    }

    r = message_read(reply.message, &reply.body);
    if (r < 0) {
        connection_set_error(connection, what, r, error);
        return FALSE;
    }

    *ret_reply = reply;
    reply = (Reply){};
    return TRUE;
}

static gboolean call_offline(
        Connection *connection, const char *what, const char *path, const char *method,
        GVariant *arguments, Reply *ret_reply, GError **error) {
    g_autoptr(GError) failure = NULL;
    GVariant *body = offline_call(connection->offline, path, method, arguments, &failure);

    if (!body) {
        const sd_bus_error bus_error = SD_BUS_ERROR_MAKE_CONST(
                firmware_error_name((FirmwareError)failure->code), failure->message);

        failure_set_bus_error(connection->options, what, &bus_error, error);
        return FALSE;
    }
    *ret_reply = (Reply){.body = body};
    return TRUE;
}

static gboolean call_any(
        Connection *connection, CallKind kind, const char *what, const char *path,
        const char *interface, const char *method, GVariant *arguments, Reply *ret_reply,
        GError **error) {
    g_autoptr(GError) failure = NULL;

    if (connection->bus) {
        if (call_service(
                    connection, kind, what, path, interface, method, arguments, ret_reply,
                    &failure)) {
            connection->may_fall_back = FALSE;
            return TRUE;
        }
        if (!g_error_matches(failure, CLIENT_ERROR, CLIENT_ERROR_UNREACHABLE)) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        }
        if (!fall_back(connection, g_steal_pointer(&failure), error))
            return FALSE;
    }
    return call_offline(connection, what, path, method, arguments, ret_reply, error);
}

gboolean connection_call(
        Connection *connection, CallKind kind, const char *what, const char *path,
        const char *interface, const char *method, GVariant *arguments, const char *type,
        Reply *ret_reply, GError **error) {
    g_autoptr(GVariant) owned = arguments ? g_variant_ref_sink(arguments) : NULL;
    g_auto(Reply) reply = {};

    if (!call_any(connection, kind, what, path, interface, method, owned, &reply, error))
        return FALSE;
    if (!g_variant_is_of_type(reply.body, G_VARIANT_TYPE(type))) {
        g_set_error(
                error, CLIENT_ERROR, CLIENT_ERROR_FAILURE,
                "%s: the service answers %s in a way that this program does not know; is one of "
                "the two outdated?",
                what, method);
        return FALSE;
    }

    *ret_reply = reply;
    reply = (Reply){};
    return TRUE;
}

gboolean connection_call_manager(
        Connection *connection, CallKind kind, const char *what, const char *method,
        GVariant *arguments, const char *type, Reply *ret_reply, GError **error) {
    return connection_call(
            connection, kind, what, BUS_MANAGER_PATH, BUS_MANAGER_INTERFACE, method, arguments,
            type, ret_reply, error);
}

GVariant *connection_get_properties(
        Connection *connection, const char *what, const char *path, const char *interface,
        GError **error) {
    g_auto(Reply) reply = {};
    g_autoptr(GVariant) properties = NULL;

    if (!connection_call(
                connection, CALL_READ, what, path, PROPERTIES_INTERFACE, "GetAll",
                g_variant_new("(s)", interface), "(a{sv})", &reply, error))
        return NULL;
    properties = g_variant_get_child_value(reply.body, 0);
    return value_from_properties(properties);
}
