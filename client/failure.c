/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "failure.h"

#include <errno.h>
#include <string.h>

#include "error.h"

typedef struct Hint {
    const char *name;
    ClientError code;
    const char *text; /* the next step; NULL: the service's message says it */
} Hint;

#define OURS "org.vmfirmware1."

static const Hint hints[] = {
        {OURS "NoMatchingFirmware", CLIENT_ERROR_NO_MATCH,
         "'vmfirmwarectl explain' with the same arguments says why of each"},
        {OURS "NoSuchFirmware", CLIENT_ERROR_FAILURE, "'vmfirmwarectl list' shows what there is"},
        {OURS "NoSuchVM", CLIENT_ERROR_NO_SUCH_VM, "'vmfirmwarectl vms' shows what there is"},
        {OURS "VMExists", CLIENT_ERROR_FAILURE, "choose another id, or remove that one first"},
        {OURS "VMConflict", CLIENT_ERROR_FAILURE,
         "ask for what it is pinned to, or 'vmfirmwarectl rebind' it"},
        {OURS "FirmwareGone", CLIENT_ERROR_MUST_NOT_START,
         "install that firmware again, or 'vmfirmwarectl rebind' it"},
        {OURS "NVRAMMissing", CLIENT_ERROR_MUST_NOT_START,
         "'vmfirmwarectl import' it from a copy, or 'vmfirmwarectl reset' for a fresh one"},
        {OURS "NVRAMMismatch", CLIENT_ERROR_MUST_NOT_START,
         "give one that fits, or take a fresh one with 'vmfirmwarectl reset' or 'rebind --reset'"},
        {OURS "NVRAMInUse", CLIENT_ERROR_MUST_NOT_START, "stop the virtual machine first"},
        {OURS "NoSuchVariable", CLIENT_ERROR_FAILURE,
         "'vmfirmwarectl variables --list' shows what there is"},
        {OURS "ImageUnusable", CLIENT_ERROR_MUST_NOT_START,
         "'vmfirmwarectl import' a sound copy, or 'vmfirmwarectl reset' for a fresh one"},
        {SD_BUS_ERROR_INVALID_ARGS, CLIENT_ERROR_USAGE, "see 'vmfirmwarectl --help'"},
        {SD_BUS_ERROR_ACCESS_DENIED, CLIENT_ERROR_FAILURE,
         "do it as root, or let polkit allow it (see vmfirmwarectl(1))"},
        {SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, CLIENT_ERROR_FAILURE,
         "do it in a terminal, where a password can be asked for, or as root"},
        {SD_BUS_ERROR_LIMITS_EXCEEDED, CLIENT_ERROR_FAILURE,
         "try again later, or remove virtual machines that are not needed"},
        {SD_BUS_ERROR_TIMEOUT, CLIENT_ERROR_FAILURE,
         "'systemctl status vmfirmwared' says what it does"},
        {SD_BUS_ERROR_NO_REPLY, CLIENT_ERROR_FAILURE,
         "'systemctl status vmfirmwared' says what it does"},
        {SD_BUS_ERROR_UNKNOWN_METHOD, CLIENT_ERROR_FAILURE,
         "is the service older than this "
         "program?"},
};

static const Hint *find_hint(const char *name) {
    for (guint i = 0; i < G_N_ELEMENTS(hints); i++)
        if (g_strcmp0(hints[i].name, name) == 0)
            return &hints[i];
    return NULL;
}

/* Overrides HINT for some messages. */
static const char *hint_to_text(const Hint *hint, const char *message) {
    if (g_str_equal(hint->name, SD_BUS_ERROR_INVALID_ARGS) && strstr(message, "and no copy of it"))
        return "give the path of a copy";
    if (g_str_equal(hint->name, SD_BUS_ERROR_INVALID_ARGS) && strstr(message, "nvram-filename"))
        return "say where with --nvram=FILE";
    if (strstr(message, "is foreign: the service did not make it"))
        return "move that file elsewhere first";
    if (g_str_equal(hint->name, OURS "VMConflict") && strstr(message, " for the reference "))
        return "choose another id, or take it over with --create=adopt";
    if (g_str_has_suffix(message, "it has no backup"))
        return "'vmfirmwarectl reset' and 'import' make one";
    return hint->text;
}

static char *unreachable_reason(int r) {
    if (r == -ENOMEDIUM)
        return g_strdup(" ($DBUS_SESSION_BUS_ADDRESS and $XDG_RUNTIME_DIR are not set)");
    return r < 0 ? g_strdup_printf(" (%s)", g_strerror(-r)) : g_strdup("");
}

void failure_set_unreachable(const Options *options, int r, GError **error) {
    const char *user = options->is_user ? "--user " : "";
    g_autofree char *reason = unreachable_reason(r);

    if (options->host)
        g_set_error(
                error, CLIENT_ERROR, CLIENT_ERROR_UNREACHABLE,
                "cannot reach vmfirmwared on %s over ssh%s; is it installed there, and does "
                "'ssh %s systemd-stdio-bridge' work?",
                options->host, reason, options->host);
    else if (options->container)
        g_set_error(
                error, CLIENT_ERROR, CLIENT_ERROR_UNREACHABLE,
                "cannot reach vmfirmwared in %s%s; start it with 'systemctl -M %s %sstart "
                "vmfirmwared'",
                options->container, reason, options->container, user);
    else
        g_set_error(
                error, CLIENT_ERROR, CLIENT_ERROR_UNREACHABLE,
                "cannot reach vmfirmwared on the %s bus%s; start it with 'systemctl %sstart "
                "vmfirmwared'",
                options->is_user ? "session" : "system", reason, user);
}

/* Errors of a bus for a service that is absent and cannot be started. */
static gboolean is_unreachable(const char *name) {
    static const char *const names[] = {
            SD_BUS_ERROR_SERVICE_UNKNOWN, SD_BUS_ERROR_NAME_HAS_NO_OWNER,
            "org.freedesktop.systemd1.NoSuchUnit", "org.freedesktop.systemd1.UnitMasked", NULL};

    return g_strv_contains(names, name) ||
            g_str_has_prefix(name, "org.freedesktop.DBus.Error.Spawn.");
}

void failure_set_bus_error(
        const Options *options, const char *what, const sd_bus_error *bus_error, GError **error) {
    const Hint *hint = find_hint(bus_error->name);
    g_autofree char *text = g_strdup(bus_error->message ? bus_error->message : bus_error->name);

    if (is_unreachable(bus_error->name)) {
        failure_set_unreachable(options, 0, error);
        return;
    }
    /* no full stop in the middle of the line */
    if (g_str_has_suffix(text, "."))
        text[strlen(text) - 1] = '\0';
    if (hint && hint->code == CLIENT_ERROR_NO_MATCH && g_str_has_prefix(what, "explain"))
        g_set_error(error, CLIENT_ERROR, hint->code, "%s: %s", what, text); /* it is what helps */
    else if (hint)
        g_set_error(
                error, CLIENT_ERROR, hint->code, "%s: %s; %s", what, text,
                hint_to_text(hint, text));
    else
        g_set_error(error, CLIENT_ERROR, CLIENT_ERROR_FAILURE, "%s: %s", what, text);
}
