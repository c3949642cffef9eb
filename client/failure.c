/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "failure.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"

typedef struct Hint {
    const char *name;
    ClientError code;
    const char *text; /* the next step; NULL: the service's message says it */
} Hint;

#define OURS "org.vmfirmware1."

#define SOUND_COPY "'vmfirmwarectl import' a sound copy, or 'vmfirmwarectl reset' for a fresh one"
#define ANOTHER_FIRMWARE "choose another firmware with --firmware=NAME"

static const Hint hints[] = {
        {OURS "NoMatchingFirmware", CLIENT_ERROR_NO_MATCH,
         "'vmfirmwarectl explain ARCH MACHINE' with the same requirements says why of each"},
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
        {OURS "NoSuchBackup", CLIENT_ERROR_FAILURE, "'vmfirmwarectl backups' shows what there is"},
        {OURS "NoSuchVariable", CLIENT_ERROR_FAILURE,
         "'vmfirmwarectl variables --list' shows what there is"},
        {OURS "ImageUnusable", CLIENT_ERROR_MUST_NOT_START, SOUND_COPY},
        {SD_BUS_ERROR_INVALID_ARGS, CLIENT_ERROR_USAGE, "see 'vmfirmwarectl --help'"},
        {SD_BUS_ERROR_ACCESS_DENIED, CLIENT_ERROR_FAILURE,
         "do it as root, or let polkit allow it (see vmfirmwarectl(1))"},
        {SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, CLIENT_ERROR_FAILURE,
         "do it in a terminal, where a password can be asked for, or as root"},
        {SD_BUS_ERROR_NOT_SUPPORTED, CLIENT_ERROR_FAILURE, NULL},
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

ClientError failure_find_code(const GError *failure) {
    const Hint *hint = find_hint(firmware_error_name((FirmwareError)failure->code));

    return hint ? hint->code : CLIENT_ERROR_FAILURE;
}

/* The next step depends on more than the error. The first that fits overrides the hint. */
static const struct {
    const char *name;      /* NULL: any */
    const char *verb;      /* NULL: any */
    const char *words;     /* of the message; NULL: any */
    const char *text;      /* NULL: the message says all */
    gboolean is_directory; /* with --directory alone */
} overrides[] = {
        {OURS "NoSuchVM", NULL, "a record that cannot be read",
         "'vmfirmwarectl remove' removes it with its NVRAM", FALSE},
        {OURS "NoSuchVM", NULL, NULL,
         "'vmfirmwarectl prepare --directory=DIR ARCH MACHINE' makes one", TRUE},
        {SD_BUS_ERROR_ACCESS_DENIED, NULL, NULL, NULL, TRUE},
        {SD_BUS_ERROR_LIMITS_EXCEEDED, NULL, "and the store ",
         "'vmfirmwarectl variables --list' shows what takes how much"},
        {OURS "NoMatchingFirmware", "explain", NULL, NULL},
        {OURS "NoMatchingFirmware", "select", "nvram-",
         "'vmfirmwarectl explain' with --nvram-size= and --nvram-format= for --nvram= says why of "
         "each"},
        {OURS "NoMatchingFirmware", "select", NULL,
         "'vmfirmwarectl explain' with the same arguments says why of each"},
        {SD_BUS_ERROR_INVALID_ARGS, NULL, "and no copy of it", "give the path of a copy"},
        {SD_BUS_ERROR_INVALID_ARGS, NULL, "nvram-filename", "say where with --nvram=FILE"},
        {OURS "VMConflict", NULL, "with enroll-known ",
         "'vmfirmwarectl enroll ID NAME' with that name does"},
        {OURS "VMConflict", NULL, "with enroll", "'vmfirmwarectl enroll ID FILE' does"},
        {OURS "VMConflict", NULL, "with convert",
         "ask for what it is pinned to, or 'vmfirmwarectl rebind --convert' it"},
        {OURS "FirmwareGone", NULL, "with convert",
         "install that firmware again, or 'vmfirmwarectl rebind' it, with --convert where it keeps "
         "other NVRAM"},
        {OURS "VMConflict", NULL, " for the reference ",
         "choose another id, or take it over with --create=adopt"},
        {NULL, NULL, "has no flock(2)", "--no-lease goes on without"},
        {NULL, NULL, "is foreign: the service did not make it", "move that file elsewhere first"},
        {OURS "NVRAMMissing", NULL, "it has no backup",
         "'vmfirmwarectl reset' and 'import' make one"},
        {OURS "NVRAMMismatch", "restore", "with convert",
         "'vmfirmwarectl rebind --reset --firmware=NAME' first, and 'rebind --convert' last"},
        {OURS "NVRAMMismatch", "restore", NULL,
         "'vmfirmwarectl export --index=' copies it to a file, which 'import --source-format=' "
         "takes"},
        {NULL, NULL, ", the good copy", "'vmfirmwarectl restore' it"},
        {OURS "NVRAMMismatch", "rebind", "cannot move", "or take a fresh one with --reset"},
        {OURS "NVRAMMismatch", "rebind", "keeps none", "go on without NVRAM with --reset"},
        {OURS "NVRAMMismatch", "rebind", "with convert",
         "move its variables with --convert, or take a fresh one with --reset"},
        {OURS "NVRAMMismatch", "import", "not in the format",
         "say its format with --source-format=raw, qcow2 or json"},
        {OURS "NVRAMMismatch", NULL, "; firmware for that size: ",
         "choose it with --firmware=NAME or --nvram-size=BYTES, and move on with 'vmfirmwarectl "
         "rebind --convert'"},
        {OURS "NVRAMMismatch", NULL, "; no firmware has that size",
         "is it the right file, and in the right format?"},
        {OURS "NVRAMMismatch", "import", NULL, "give one that fits"},
        {OURS "NVRAMMismatch", "prepare", "that was sent", "give one that fits"},
        {OURS "NVRAMMismatch", "run", "that was sent", "give one that fits"},
        /* of the firmware's template: there may be no VM yet */
        {OURS "NVRAMMismatch", "prepare", " needs ", ANOTHER_FIRMWARE},
        {OURS "NVRAMMismatch", "run", " needs ", ANOTHER_FIRMWARE},
        {OURS "ImageUnusable", "reset", NULL,
         "'vmfirmwarectl rebind --reset --firmware=NAME' takes another firmware"},
        {OURS "ImageUnusable", "restore", NULL, SOUND_COPY},
        {OURS "ImageUnusable", NULL, "its NVRAM file names another file", SOUND_COPY},
        {OURS "ImageUnusable", NULL, "that was sent names another file",
         "'qemu-img convert' makes a file of it that names none"},
        {OURS "ImageUnusable", NULL, " names another file", ANOTHER_FIRMWARE},
        {OURS "ImageUnusable", NULL, "cannot be added to the template", ANOTHER_FIRMWARE},
};

static const char *find_text(
        const Options *options, const Hint *hint, const char *what, const char *message) {
    const gboolean is_directory = options_get(options, "directory") != NULL;

    for (guint i = 0; i < G_N_ELEMENTS(overrides); i++)
        if ((is_directory || !overrides[i].is_directory) &&
            (!overrides[i].name || g_str_equal(overrides[i].name, hint->name)) &&
            (!overrides[i].verb || g_str_has_prefix(what, overrides[i].verb)) &&
            (!overrides[i].words || strstr(message, overrides[i].words)))
            return overrides[i].text;
    return hint->text;
}

static char *unreachable_reason(int r) {
    if (r == -ENOMEDIUM)
        return g_strdup(" ($DBUS_SESSION_BUS_ADDRESS and $XDG_RUNTIME_DIR are not set)");
    return r < 0 ? g_strdup_printf(" (%s)", g_strerror(-r)) : g_strdup("");
}

/* There is no bus, so systemctl would not help. */
#define NO_BUS_HINT                                                                       \
    "where there is no bus, --offline answers what only reads, and 'dbus-run-session -- " \
    "vmfirmwarectl --user …' keeps virtual machines"

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
                "vmfirmwared'%s%s",
                options->is_user ? "session" : "system", reason, user, r < 0 ? "; " : "",
                r < 0 ? NO_BUS_HINT : "");
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
    const char *next;

    if (is_unreachable(bus_error->name)) {
        failure_set_unreachable(options, 0, error);
        return;
    }
    /* no full stop in the middle of the line */
    if (g_str_has_suffix(text, "."))
        text[strlen(text) - 1] = '\0';
    next = hint ? find_text(options, hint, what, text) : NULL;
    g_set_error(
            error, CLIENT_ERROR, hint ? hint->code : CLIENT_ERROR_FAILURE, "%s: %s%s%s", what, text,
            next ? "; " : "", next ? next : "");
}
