/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/request.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/vocab.h"
#include "core/architecture.h"
#include "uefi/digest.h"

typedef enum KeyType {
    KEY_STRING,
    KEY_PATH, /* an absolute file name, never opened */
    KEY_REFERENCE,
    KEY_MACHINE, /* a string with the rules of the argument of this name */
    KEY_STRINGS,
    KEY_BOOLEAN,
    KEY_SIZE,    /* of a file, in bytes */
    KEY_VERSION, /* of QEMU */
    KEY_RENDER,
    KEY_OWNER,
    KEY_INDEX,
    KEY_DIGEST, /* SHA-256, kept in lower case */
    KEY_FD,
} KeyType;

typedef struct RequestKey {
    const char *name;
    KeyType type;
    gsize offset;             /* in Request */
    guint calls;              /* RequestCall, or-ed */
    const char *const *words; /* NULL: any string */
} RequestKey;

#define VM_QUESTIONS (REQUEST_CALL_PREPARE | REQUEST_CALL_IMPORT_VM | REQUEST_CALL_REBIND)
#define RENDERING_CALLS \
    (REQUEST_CALL_SELECT | REQUEST_CALL_EXPLAIN | REQUEST_CALL_CAPABILITIES | VM_QUESTIONS)
/* filters, which a pin records */
#define ALL_CALLS (RENDERING_CALLS | REQUEST_CALL_PIN)
#define NEW_OWNER                                                                                  \
    (REQUEST_CALL_PREPARE | REQUEST_CALL_IMPORT_VM | REQUEST_CALL_GET_VM | REQUEST_CALL_LIST_VMS | \
     REQUEST_CALL_CLONE)

static const char *const create_words[] = {"auto", "never", "new", "adopt", NULL};
static const char *const boot_words[] = {"keep", "clear-bound", "clear", NULL};
static const char *const render_words[] = {
        "qemu", "qemu-legacy", "libvirt", "libvirt-fields", NULL};

#define KEY(key_name, key_type, field, key_calls, key_words) \
    {key_name, key_type, offsetof(Request, field), key_calls, key_words}

static const RequestKey request_keys[] = {
        KEY("interface", KEY_STRING, interface, ALL_CALLS, firmware_interface_words),
        KEY("features", KEY_STRINGS, features, ALL_CALLS, NULL),
        KEY("without-features", KEY_STRINGS, without_features, ALL_CALLS, NULL),
        KEY("devices", KEY_STRINGS, devices, ALL_CALLS, firmware_device_words),
        KEY("modes", KEY_STRINGS, modes, ALL_CALLS, firmware_mode_words),
        KEY("formats", KEY_STRINGS, formats, ALL_CALLS, flash_format_words),
        KEY("certificates", KEY_STRINGS, certificates, ALL_CALLS, NULL),
        KEY("firmware", KEY_STRING, firmware, ALL_CALLS, NULL),
        KEY("executable", KEY_PATH, executable, ALL_CALLS, NULL),
        KEY("nvram-size", KEY_SIZE, nvram_size, ALL_CALLS, NULL),
        KEY("nvram-format", KEY_STRING, nvram_format, ALL_CALLS, image_format_words),
        KEY("host-supported", KEY_BOOLEAN, host_supported, ALL_CALLS, NULL),
        KEY("qemu-version", KEY_VERSION, qemu_version, RENDERING_CALLS, NULL),
        KEY("render", KEY_RENDER, render, RENDERING_CALLS | REQUEST_CALL_GET_RESOLUTION,
            render_words),
        KEY("nvram-filename", KEY_PATH, nvram_filename, REQUEST_CALL_SELECT, NULL),
        KEY("create", KEY_STRING, create, REQUEST_CALL_PREPARE, create_words),
        KEY("reference", KEY_REFERENCE, reference,
            REQUEST_CALL_PREPARE | REQUEST_CALL_IMPORT_VM | REQUEST_CALL_SET_REFERENCE, NULL),
        KEY("owner", KEY_OWNER, owner, NEW_OWNER, NULL),
        KEY("format", KEY_STRING, format,
            REQUEST_CALL_IMPORT_VM | REQUEST_CALL_IMPORT | REQUEST_CALL_READ_STORE,
            image_format_words),
        KEY("nvram-template", KEY_FD, nvram_template, REQUEST_CALL_PREPARE | REQUEST_CALL_RESET,
            NULL),
        KEY("lease", KEY_BOOLEAN, lease, REQUEST_CALL_PREPARE, NULL),
        KEY("all", KEY_BOOLEAN, all, REQUEST_CALL_LIST_VMS, NULL),
        KEY("machine", KEY_MACHINE, machine, REQUEST_CALL_REBIND, NULL),
        KEY("reset", KEY_BOOLEAN, reset, REQUEST_CALL_REBIND, NULL),
        KEY("convert", KEY_BOOLEAN, convert, REQUEST_CALL_REBIND, NULL),
        KEY("live", KEY_BOOLEAN, live,
            REQUEST_CALL_ACQUIRE | REQUEST_CALL_CLONE | REQUEST_CALL_EXPORT |
                    REQUEST_CALL_READ_VARIABLES | REQUEST_CALL_GET_VARIABLE,
            NULL),
        KEY("list", KEY_BOOLEAN, list, REQUEST_CALL_READ_STORE | REQUEST_CALL_READ_VARIABLES, NULL),
        KEY("boot", KEY_STRING, boot, REQUEST_CALL_CLONE, boot_words),
        KEY("backup", KEY_BOOLEAN, backup, REQUEST_CALL_EXPORT, NULL),
        KEY("enroll", KEY_BOOLEAN, enroll,
            REQUEST_CALL_PREPARE | REQUEST_CALL_REBIND | REQUEST_CALL_RESET, NULL),
        KEY("dry-run", KEY_BOOLEAN, dry_run, REQUEST_CALL_CHANGE_VARIABLES, NULL),
        KEY("expected", KEY_DIGEST, expected, REQUEST_CALL_CHANGE_VARIABLES, NULL),
        KEY("index", KEY_INDEX, index,
            REQUEST_CALL_EXPORT | REQUEST_CALL_READ_VARIABLES | REQUEST_CALL_RESTORE, NULL),
        KEY("check", KEY_BOOLEAN, check, REQUEST_CALL_GET_RESOLUTION, NULL),
};

G_STATIC_ASSERT(G_N_ELEMENTS(request_keys) <= 64); /* Request.given */

G_GNUC_PRINTF(2, 3)
static gboolean invalid(GError **error, const char *format, ...) {
    va_list args;

    va_start(args, format);
    g_clear_error(error);
    if (error)
        *error = g_error_new_valist(FIRMWARE_ERROR, FIRMWARE_ERROR_INVALID_ARGS, format, args);
    va_end(args);
    return FALSE;
}

static const RequestKey *find_key(const char *name, RequestCall call) {
    for (gsize i = 0; i < G_N_ELEMENTS(request_keys); i++)
        if ((request_keys[i].calls & call) && g_str_equal(request_keys[i].name, name))
            return &request_keys[i];

    return NULL;
}

static gboolean check_string(
        const char *name, const char *value, gsize max, const char *const *words, GError **error) {
    g_autofree char *known = NULL;

    if (strlen(value) > max)
        return invalid(error, "%s: longer than %" G_GSIZE_FORMAT " bytes", name, max);
    if (!words || g_strv_contains(words, value))
        return TRUE;

    known = g_strjoinv(", ", (GStrv)words);
    return invalid(error, "%s: \"%s\" is none of %s", name, value, known);
}

static gboolean check_strings(const RequestKey *key, const char *const *values, GError **error) {
    if (g_strv_length((GStrv)values) > REQUEST_MAX_STRINGS)
        return invalid(error, "%s: more than %d strings", key->name, REQUEST_MAX_STRINGS);

    for (; *values; values++)
        if (!check_string(key->name, *values, REQUEST_MAX_STRING, key->words, error))
            return FALSE;
    return TRUE;
}

static gboolean set_string(
        const RequestKey *key, char **field, const RequestValue *value, GError **error) {
    gboolean is_long = key->type == KEY_PATH || key->type == KEY_REFERENCE;
    gsize max = is_long ? REQUEST_MAX_PATH : REQUEST_MAX_STRING;

    if (value->type != REQUEST_VALUE_STRING)
        return invalid(error, "%s: not a string (D-Bus type s)", key->name);
    if (!check_string(key->name, value->string, max, key->words, error))
        return FALSE;
    if (key->type == KEY_MACHINE && value->string[0] == '\0')
        return invalid(error, "%s: empty", key->name);
    if (key->type == KEY_PATH && value->string[0] != '/')
        return invalid(error, "%s: not an absolute file name", key->name);

    g_free(*field);
    *field = g_strdup(value->string);
    return TRUE;
}

static gboolean check_strings_value(
        const RequestKey *key, const RequestValue *value, GError **error) {
    if (value->type != REQUEST_VALUE_STRINGS)
        return invalid(error, "%s: not a list of strings (D-Bus type as)", key->name);
    return check_strings(key, value->strings, error);
}

static gboolean set_version(
        const RequestKey *key, QemuVersion *field, const RequestValue *value, GError **error) {
    if (value->type != REQUEST_VALUE_STRING)
        return invalid(error, "%s: not a string (D-Bus type s)", key->name);
    if (!check_string(key->name, value->string, REQUEST_MAX_STRING, NULL, error))
        return FALSE;
    return qemu_version_from_string(value->string, field) ||
            invalid(error, "%s: \"%s\" is no version as 7.2 or 10.0.2", key->name, value->string);
}

static gboolean set_render(
        const RequestKey *key, guint *field, const RequestValue *value, GError **error) {
    if (!check_strings_value(key, value, error))
        return FALSE;

    if (g_strv_contains(value->strings, "qemu"))
        *field |= REQUEST_RENDER_QEMU;
    if (g_strv_contains(value->strings, "qemu-legacy"))
        *field |= REQUEST_RENDER_QEMU_LEGACY;
    if (g_strv_contains(value->strings, "libvirt"))
        *field |= REQUEST_RENDER_LIBVIRT;
    if (g_strv_contains(value->strings, "libvirt-fields"))
        *field |= REQUEST_RENDER_LIBVIRT_FIELDS;
    return TRUE;
}

static gboolean set_size(
        const RequestKey *key, Request *request, const RequestValue *value, GError **error) {
    if (value->type != REQUEST_VALUE_SIZE)
        return invalid(error, "%s: not a number of bytes (D-Bus type t)", key->name);
    if (value->size > G_MAXINT64) /* off_t, and an integer of JSON */
        return invalid(
                error, "%s: %" G_GUINT64_FORMAT " is no size of a file", key->name, value->size);

    request->nvram_size = value->size;
    request->has_nvram_size = TRUE;
    return TRUE;
}

/* Linux reserves both ids: 65535 is -1 for 16-bit interfaces. */
static gboolean set_owner(
        const RequestKey *key, Request *request, const RequestValue *value, GError **error) {
    if (value->type != REQUEST_VALUE_NUMBER)
        return invalid(error, "%s: not a user id (D-Bus type u)", key->name);
    if (value->number == G_MAXUINT16 || value->number == G_MAXUINT32)
        return invalid(error, "%s: %u is no user id", key->name, value->number);

    request->owner = value->number;
    request->has_owner = TRUE;
    return TRUE;
}

static gboolean set_index(
        const RequestKey *key, Request *request, const RequestValue *value, GError **error) {
    if (value->type != REQUEST_VALUE_NUMBER)
        return invalid(error, "%s: not the number of a backup (D-Bus type u)", key->name);

    request->index = value->number;
    request->has_index = TRUE;
    return TRUE;
}

static gboolean set_digest(
        const RequestKey *key, char **field, const RequestValue *value, GError **error) {
    if (!set_string(key, field, value, error))
        return FALSE;
    g_free(*field);
    *field = digest_parse(value->string);
    return *field ||
            invalid(error, "%s: \"%s\" has not 64 hexadecimal digits", key->name, value->string);
}

static gboolean set_fd(
        const RequestKey *key, int *field, const RequestValue *value, GError **error) {
    if (value->type != REQUEST_VALUE_FD)
        return invalid(error, "%s: not a file descriptor (D-Bus type h)", key->name);

    *field = fcntl(value->fd, F_DUPFD_CLOEXEC, 3);
    if (*field >= 0)
        return TRUE;
    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_IO, "%s: cannot be kept: %s", key->name,
            g_strerror(errno));
    return FALSE;
}

gboolean request_set(
        Request *request, const char *name, const RequestValue *value, GError **error) {
    const RequestKey *key = find_key(name, request->call);
    gpointer field;
    guint64 bit;

    if (!key && strlen(name) > REQUEST_MAX_STRING)
        return invalid(error, "a key is longer than %d bytes", REQUEST_MAX_STRING);
    if (!key)
        return invalid(error, "%s: unknown key", name);

    bit = G_GUINT64_CONSTANT(1) << (key - request_keys);
    if (request->given & bit)
        return invalid(error, "%s: given twice", name);
    request->given |= bit;

    field = (char *)request + key->offset;
    switch (key->type) {
    case KEY_STRING:
    case KEY_MACHINE:
    case KEY_PATH:
    case KEY_REFERENCE:
        return set_string(key, field, value, error);
    case KEY_STRINGS:
        if (!check_strings_value(key, value, error))
            return FALSE;
        *(GStrv *)field = g_strdupv((GStrv)value->strings);
        return TRUE;
    case KEY_BOOLEAN:
        if (value->type != REQUEST_VALUE_BOOLEAN)
            return invalid(error, "%s: not a boolean (D-Bus type b)", name);
        *(gboolean *)field = value->boolean;
        return TRUE;
    case KEY_SIZE:
        return set_size(key, request, value, error);
    case KEY_VERSION:
        return set_version(key, field, value, error);
    case KEY_RENDER:
        return set_render(key, field, value, error);
    case KEY_OWNER:
        return set_owner(key, request, value, error);
    case KEY_INDEX:
        return set_index(key, request, value, error);
    case KEY_DIGEST:
        return set_digest(key, field, value, error);
    case KEY_FD:
        return set_fd(key, field, value, error);
    }
    g_assert_not_reached();
}

static gboolean check_argument(const char *name, const char *value, GError **error) {
    if (value[0] == '\0')
        return invalid(error, "%s: empty", name);
    return check_string(name, value, REQUEST_MAX_STRING, NULL, error);
}

Request *request_new(
        RequestCall call, const char *architecture, const char *machine, GError **error) {
    g_autoptr(Request) request = NULL;

    if ((architecture && !check_argument("architecture", architecture, error)) ||
        (machine && !check_argument("machine", machine, error)))
        return NULL;

    request = g_new0(Request, 1);
    request->call = call;
    request->architecture = architecture ? g_strdup(architecture_from_name(architecture)) : NULL;
    request->machine = g_strdup(machine);
    request->nvram_template = FILE_FD_NONE;
    request->enroll = TRUE;
    return g_steal_pointer(&request);
}

static RequestValue get_value(const Request *request, const RequestKey *key) {
    gconstpointer field = (const char *)request + key->offset;

    if (key->type == KEY_STRINGS)
        return (RequestValue){.type = REQUEST_VALUE_STRINGS,
                              .strings = *(const char *const *const *)field};
    if (key->type == KEY_BOOLEAN)
        return (RequestValue){.type = REQUEST_VALUE_BOOLEAN, .boolean = *(const gboolean *)field};
    if (key->type == KEY_SIZE)
        return (RequestValue){.type = REQUEST_VALUE_SIZE, .size = *(const guint64 *)field};
    return (RequestValue){.type = REQUEST_VALUE_STRING, .string = *(const char *const *)field};
}

void request_visit_requirements(const Request *request, RequestVisit visit, gpointer userdata) {
    for (gsize i = 0; i < G_N_ELEMENTS(request_keys); i++) {
        const RequestKey *key = &request_keys[i];
        gboolean is_given = (request->given >> i) & 1;
        RequestValue value;

        if (!is_given || !(key->calls & REQUEST_CALL_PIN))
            continue;
        value = get_value(request, key);
        visit(key->name, &value, userdata);
    }
}

static gboolean value_equal(const RequestValue *a, const RequestValue *b) {
    switch (a->type) {
    case REQUEST_VALUE_STRINGS:
        return g_strv_equal(a->strings, b->strings);
    case REQUEST_VALUE_BOOLEAN:
        return a->boolean == b->boolean;
    case REQUEST_VALUE_SIZE:
        return a->size == b->size;
    case REQUEST_VALUE_STRING:
        return g_str_equal(a->string, b->string);
    case REQUEST_VALUE_NUMBER:
    case REQUEST_VALUE_FD:
    case REQUEST_VALUE_OTHER:
        break; /* no requirement has such a type */
    }
    g_assert_not_reached();
}

gboolean request_same_requirements(const Request *a, const Request *b) {
    for (gsize i = 0; i < G_N_ELEMENTS(request_keys); i++) {
        const RequestKey *key = &request_keys[i];
        gboolean is_given = (a->given >> i) & 1;
        RequestValue value_a;
        RequestValue value_b;

        if (!(key->calls & REQUEST_CALL_PIN))
            continue;
        if (is_given != (gboolean)((b->given >> i) & 1))
            return FALSE;
        if (!is_given)
            continue;
        value_a = get_value(a, key);
        value_b = get_value(b, key);
        if (!value_equal(&value_a, &value_b))
            return FALSE;
    }
    return TRUE;
}

static void copy_requirement(const char *key, const RequestValue *value, gpointer userdata) {
    gboolean is_set = request_set(userdata, key, value, NULL);

    g_assert(is_set);
}

Request *request_copy_requirements(const Request *request) {
    Request *copy = request_new(REQUEST_CALL_PIN, NULL, NULL, NULL);

    request_visit_requirements(request, copy_requirement, copy);
    return copy;
}

void request_free(Request *request) {
    if (!request)
        return;

    g_free(request->architecture);
    g_free(request->machine);
    g_free(request->interface);
    g_strfreev(request->features);
    g_strfreev(request->without_features);
    g_strfreev(request->devices);
    g_strfreev(request->modes);
    g_strfreev(request->formats);
    g_strfreev(request->certificates);
    g_free(request->firmware);
    g_free(request->executable);
    g_free(request->nvram_filename);
    g_free(request->create);
    g_free(request->reference);
    g_free(request->nvram_format);
    g_free(request->format);
    g_free(request->expected);
    g_free(request->boot);
    file_fd_close(request->nvram_template);
    g_free(request);
}
