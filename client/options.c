/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "options.h"

#include <pwd.h>
#include <string.h>

#include "base/arguments.h"
#include "error.h"
#include "base/text.h"

typedef enum ValueKind {
    VALUE_FLAG,   /* no argument; b */
    VALUE_WORD,   /* s */
    VALUE_WORDS,  /* as; repeatable, each with values separated by commas */
    VALUE_FILE,   /* s: a file name, made absolute */
    VALUE_OWNER,  /* u: a user's name or uid */
    VALUE_SIZE,   /* t: bytes */
    VALUE_INDEX,  /* u: of a backup */
    VALUE_CLIENT, /* not a key of a call: for the client itself */
} ValueKind;

typedef struct KeyOption {
    const char *name;
    const char *key;
    ValueKind kind;
    OptionGroup group;
    const char *argument;
    const char *help;
} KeyOption;

static const KeyOption key_options[] = {
        {"interface", "interface", VALUE_WORD, OPTIONS_REQUIREMENTS, "TYPE",
         "Require an interface: uefi, bios, openfirmware, uboot"},
        {"feature", "features", VALUE_WORDS, OPTIONS_REQUIREMENTS, "FEATURE",
         "Require a feature; may be given again"},
        {"without-feature", "without-features", VALUE_WORDS, OPTIONS_REQUIREMENTS, "FEATURE",
         "Require that a feature is absent; may be given again"},
        {"secure-boot", NULL, VALUE_FLAG, OPTIONS_REQUIREMENTS, NULL,
         "Require the features secure-boot and enrolled-keys"},
        {"device", "devices", VALUE_WORDS, OPTIONS_REQUIREMENTS, "DEVICE",
         "Allow flash, memory, kernel or igvm; may be given again"},
        {"mode", "modes", VALUE_WORDS, OPTIONS_REQUIREMENTS, "MODE",
         "Allow split, combined or stateless; may be given again"},
        {"format", "formats", VALUE_WORDS, OPTIONS_REQUIREMENTS, "FORMAT",
         "Allow executables in raw or qcow2; may be given again"},
        {"certificate", "certificates", VALUE_WORDS, OPTIONS_REQUIREMENTS, "NAME",
         "Require a certificate in KEK or db, by name or SHA-256; may be given again"},
        {"firmware", "firmware", VALUE_WORD, OPTIONS_REQUIREMENTS, "NAME",
         "Require the firmware of this name"},
        {"executable", "executable", VALUE_FILE, OPTIONS_REQUIREMENTS, "FILE",
         "Require the firmware with this executable"},
        {"nvram-size", "nvram-size", VALUE_SIZE, OPTIONS_REQUIREMENTS, "BYTES",
         "Require NVRAM of this size"},
        {"nvram-format", "nvram-format", VALUE_WORD, OPTIONS_REQUIREMENTS, "FORMAT",
         "Require, or keep, NVRAM in raw, qcow2 or json"},
        {"qemu-version", "qemu-version", VALUE_WORD, OPTIONS_REQUIREMENTS, "VERSION",
         "Answer for this version of QEMU"},
        {"host-supported", "host-supported", VALUE_FLAG, OPTIONS_REQUIREMENTS, NULL,
         "Require that this host offers what the firmware needs"},
        {"nvram", "nvram-filename", VALUE_FILE, OPTIONS_NVRAM, "FILE",
         "With select: the virtual machine's own copy of the NVRAM"},
        {"render", "render", VALUE_CLIENT, OPTIONS_RENDER, "FORM",
         "Print qemu, qemu-legacy, libvirt, libvirt-fields or shell"},
        {"owner", "owner", VALUE_OWNER, OPTIONS_OWNER, "USER",
         "Act on the virtual machines of this user"},
        {"all", "all", VALUE_FLAG, OPTIONS_ALL, NULL,
         "With vms: those of all users; with enroll: every virtual machine"},
        {"new-owner", "owner", VALUE_OWNER, OPTIONS_CLONE, "USER",
         "With clone: who owns the new virtual machine"},
        {"boot", "boot", VALUE_WORD, OPTIONS_CLONE, "WHICH",
         "With clone: keep its boot entries (the default), clear-bound or clear"},
        {"create", "create", VALUE_WORD, OPTIONS_CREATE, "WHEN",
         "With prepare, run: create it auto, never, only if it is new, or adopt it"},
        {"reference", "reference", VALUE_WORD, OPTIONS_REFERENCE, "TEXT",
         "With prepare, run, import: what it belongs to, a path or a URI"},
        {"unused", NULL, VALUE_CLIENT, OPTIONS_UNUSED, "DAYS",
         "With vms: not in use, and not prepared for that many days"},
        {"orphans", NULL, VALUE_FLAG, OPTIONS_UNUSED, NULL,
         "With vms: not in use, and what they belong to is gone"},
        {"nvram-template", NULL, VALUE_CLIENT, OPTIONS_TEMPLATE, "FILE",
         "Make the NVRAM from this file"},
        {"source-format", "format", VALUE_WORD, OPTIONS_SOURCE_FORMAT, "FORMAT",
         "With import, variables, boot: the format of FILE (raw, qcow2, json)"},
        {"reset", "reset", VALUE_FLAG, OPTIONS_RESET, NULL,
         "With rebind: fresh NVRAM where the old one does not fit"},
        {"convert", "convert", VALUE_FLAG, OPTIONS_RESET, NULL,
         "With rebind: move the variables to NVRAM of another kind"},
        {"live", "live", VALUE_FLAG, OPTIONS_LIVE, NULL,
         "With clone, export, variables, boot: although it runs"},
        {"backup", "backup", VALUE_FLAG, OPTIONS_BACKUP, NULL, "With export: the newest backup"},
        {"index", "index", VALUE_INDEX, OPTIONS_INDEX, "INDEX",
         "With export, variables: this backup"},
        {"names", NULL, VALUE_FLAG, OPTIONS_NAMES, NULL,
         "With list, vms: only the names, one a line"},
        {"list", NULL, VALUE_FLAG, OPTIONS_LIST, NULL, "With variables: each variable, one a line"},
        {"dry-run", NULL, VALUE_FLAG, OPTIONS_CHANGE, NULL, "Show the changes, and make none"},
        {"yes", NULL, VALUE_FLAG, OPTIONS_CHANGE, NULL, "Make the changes without asking"},
        {"into", NULL, VALUE_CLIENT, OPTIONS_ENROLL, "VARIABLE",
         "With enroll: PK, KEK, db (the default) or dbx gets the files"},
        {"from", NULL, VALUE_CLIENT, OPTIONS_ENROLL, "FIRMWARE",
         "With enroll: the keys of this firmware's template"},
        {"order", NULL, VALUE_CLIENT, OPTIONS_BOOT, "NUMBER,NUMBER…",
         "With boot: the new boot order"},
        {"clear", NULL, VALUE_CLIENT, OPTIONS_BOOT, "WHICH",
         "With boot: remove all entries, those that are bound, or NUMBER,NUMBER…"},
        {"attributes", NULL, VALUE_CLIENT, OPTIONS_ATTRIBUTES, "NUMBER",
         "With set-variable: the attributes, such as 0x7"},
        {"no-enroll", "enroll", VALUE_FLAG, OPTIONS_HOST_KEYS, NULL,
         "Make new NVRAM without the keys of this host"},
        {"pid", NULL, VALUE_CLIENT, OPTIONS_PROCESS, "PID", "With lease: until this process ends"},
        {"pid-file", NULL, VALUE_CLIENT, OPTIONS_PROCESS, "FILE",
         "With lease: until the process ends that this file will name"},
        {"directory", NULL, VALUE_CLIENT, OPTIONS_DIRECTORY, "DIR",
         "In the place of ID: the virtual machine that lives in DIR"},
        {"ephemeral", NULL, VALUE_FLAG, OPTIONS_CREATE, NULL,
         "With prepare, run: in the place of ID, one that is removed in the end"},
        {"no-lease", NULL, VALUE_FLAG, OPTIONS_DIRECTORY, NULL,
         "With --directory: go on where the file system has no locks"},
        {"offline", NULL, VALUE_FLAG, OPTIONS_OFFLINE, NULL, "Answer here, without a service"},
        {"search-path", NULL, VALUE_CLIENT, OPTIONS_SOURCES, "DIR:DIR…",
         "Without a service: directories of descriptors"},
        {"descriptor", NULL, VALUE_CLIENT, OPTIONS_SOURCES, "FILE",
         "Without a service: the only descriptor"},
        {"root", NULL, VALUE_CLIENT, OPTIONS_ROOT, "DIR",
         "Without a service: the files below another root"},
        {"libvirt", NULL, VALUE_CLIENT, OPTIONS_LIBVIRT, "DOMAIN",
         "With import: the firmware and NVRAM of a libvirt domain"},
        {"pinned", NULL, VALUE_FLAG, OPTIONS_PINNED, NULL,
         "With check-domain: against the virtual machine whose NVRAM it has"},
        {"check", NULL, VALUE_FLAG, OPTIONS_CHECK, NULL,
         "With unpack: only tell whether this host has the firmware"},
        {"machines", NULL, VALUE_CLIENT, OPTIONS_MACHINES, "DIR:DIR…",
         "Without a service: directories of the machine table"},
};

void options_add(const Options *options, const char *name, const char *value) {
    GPtrArray *values = g_hash_table_lookup(options->given, name);

    if (!values) {
        values = g_ptr_array_new_with_free_func(g_free);
        (void)g_hash_table_insert(options->given, g_strdup(name), values);
    }
    g_ptr_array_add(values, g_strdup(value));
}

static gboolean on_key_option(
        const char *option, const char *value, gpointer userdata, GError **error) {
    options_add(userdata, option + strlen("--"), value ? value : "");
    return TRUE;
}

static gboolean on_json(const char *option, const char *value, gpointer userdata, GError **error) {
    static const char *const words[] = {
            [JSON_OFF] = "off", [JSON_SHORT] = "short", [JSON_PRETTY] = "pretty"};
    Options *options = userdata;

    for (guint i = 0; i < G_N_ELEMENTS(words); i++)
        if (g_str_equal(value, words[i])) {
            options->json = i;
            return TRUE;
        }

    g_set_error(
            error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
            "--json=%s: it is one of pretty, short, off", value);
    return FALSE;
}

/* Values of key_options[] go to OPTIONS, not to the entries: one callback handles all. */
static GOptionEntry *make_entries(Options *options) {
    const GOptionEntry plain[] = {
            {"system", 0, 0, G_OPTION_ARG_NONE, &options->is_system,
             "Ask the system's service (the default)", NULL},
            {"user", 0, 0, G_OPTION_ARG_NONE, &options->is_user, "Ask the user's own service",
             NULL},
            {"host", 'H', 0, G_OPTION_ARG_STRING, &options->host, "Ask another host, over ssh",
             "[USER@]HOST"},
            {"machine", 'M', 0, G_OPTION_ARG_STRING, &options->container,
             "Ask in a local container", "CONTAINER"},
            {"json", 0, 0, G_OPTION_ARG_CALLBACK, on_json,
             "Print JSON: pretty, short, or off (the default)", "FORM"},
            {"no-legend", 0, 0, G_OPTION_ARG_NONE, &options->no_legend,
             "Print no headings and no totals", NULL},
            {"no-pager", 0, 0, G_OPTION_ARG_NONE, &options->no_pager, "Start no pager", NULL},
            {"no-ask-password", 0, 0, G_OPTION_ARG_NONE, &options->no_ask_password,
             "Let nobody be asked for a password", NULL},
            {"version", 0, 0, G_OPTION_ARG_NONE, &options->show_version,
             "Print the version and exit", NULL},
    };
    GOptionEntry *entries =
            g_new0(GOptionEntry, G_N_ELEMENTS(plain) + G_N_ELEMENTS(key_options) + 1);

    memcpy(entries, plain, sizeof plain);
    for (guint i = 0; i < G_N_ELEMENTS(key_options); i++)
        entries[G_N_ELEMENTS(plain) + i] = (GOptionEntry){
                .long_name = key_options[i].name,
                /* raw bytes: a file name has no encoding */
                .flags = key_options[i].kind == VALUE_FLAG ? G_OPTION_FLAG_NO_ARG
                                                           : G_OPTION_FLAG_FILENAME,
                .arg = G_OPTION_ARG_CALLBACK,
                .arg_data = on_key_option,
                .description = key_options[i].help,
                .arg_description = key_options[i].argument,
        };
    return entries;
}

static gboolean check_transport(const Options *options, GError **error) {
    const char *empty = NULL, *clash = NULL;

    if (g_strcmp0(options->host, "") == 0)
        empty = "--host";
    else if (g_strcmp0(options->container, "") == 0)
        empty = "--machine";
    if (empty) {
        g_set_error(error, CLIENT_ERROR, CLIENT_ERROR_USAGE, "%s: its value is empty", empty);
        return FALSE;
    }

    if (options->is_user && options->is_system)
        clash = "--user and --system";
    else if (options->host && options->container)
        clash = "--host and --machine";
    else if (options->host && options->is_user)
        clash = "--host and --user";

    if (clash)
        g_set_error(error, CLIENT_ERROR, CLIENT_ERROR_USAGE, "%s exclude each other", clash);
    return clash == NULL;
}

/* GLib drops or keeps "--" depending on its position, so it never sees one. */
static gboolean parse_words(
        GOptionContext *context, const GOptionEntry *entries, char *const *words, GStrv *ret_words,
        GError **error) {
    g_autoptr(GStrvBuilder) all = g_strv_builder_new();
    g_autoptr(GStrvBuilder) head = g_strv_builder_new();
    g_auto(GStrv) parsed = NULL;

    for (; *words && !g_str_equal(*words, "--"); words++)
        g_strv_builder_add(head, *words);
    parsed = g_strv_builder_end(head);
    if (!arguments_check_flags(entries, (const char *const *)parsed, error) ||
        !g_option_context_parse_strv(context, &parsed, error))
        return FALSE;

    g_strv_builder_addv(all, (const char **)parsed + 1);
    if (*words)
        g_strv_builder_addv(all, (const char **)words + 1);
    *ret_words = g_strv_builder_end(all);
    return TRUE;
}

gboolean options_parse(
        Options *options, const char *verbs, char *const *words, GStrv *ret_words, GError **error) {
    g_autoptr(GOptionContext) context = g_option_context_new("VERB …");
    GOptionGroup *group = g_option_group_new("main", NULL, NULL, options, NULL);
    g_autofree GOptionEntry *entries = make_entries(options);
    g_autoptr(GError) parse_error = NULL;
    g_auto(GStrv) rest = NULL;

    options->given = g_hash_table_new_full(
            g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    g_option_context_set_summary(
            context, "Ask vmfirmwared which firmware a virtual machine gets, and keep its NVRAM.");
    g_option_context_set_description(context, verbs);
    g_option_group_add_entries(group, entries);
    g_option_context_set_main_group(context, group);
    if (!parse_words(context, entries, words, &rest, &parse_error)) {
        g_set_error_literal(error, CLIENT_ERROR, CLIENT_ERROR_USAGE, parse_error->message);
        return FALSE;
    }
    if (!check_transport(options, error))
        return FALSE;

    *ret_words = g_steal_pointer(&rest);
    return TRUE;
}

void options_clear(Options *options) {
    g_free(options->host);
    g_free(options->container);
    if (options->given)
        g_hash_table_unref(options->given);
}

/* An empty value, from an unset variable of a script, must not drop a requirement silently. */
static gboolean has_empty_word(const KeyOption *option, const GPtrArray *values) {
    for (guint i = 0; i < values->len; i++) {
        const char *value = values->pdata[i];
        g_auto(GStrv) parts = g_strsplit(value, ",", -1);

        if (*value == '\0')
            return TRUE;
        if (option->kind == VALUE_WORDS && g_strv_contains((const char *const *)parts, ""))
            return TRUE;
    }
    return FALSE;
}

gboolean options_check(const Options *options, unsigned allowed, const char *verb, GError **error) {
    for (guint i = 0; i < G_N_ELEMENTS(key_options); i++) {
        const KeyOption *option = &key_options[i];
        const GPtrArray *values = g_hash_table_lookup(options->given, option->name);

        if (!values)
            continue;
        if (!(option->group & allowed)) {
            g_set_error(
                    error, CLIENT_ERROR, CLIENT_ERROR_USAGE, "--%s does not go with %s",
                    option->name, verb);
            return FALSE;
        }
        if (values->len > 1 && option->kind != VALUE_WORDS && option->kind != VALUE_FLAG) {
            g_set_error(
                    error, CLIENT_ERROR, CLIENT_ERROR_USAGE, "--%s is given more than once",
                    option->name);
            return FALSE;
        }
        if (option->kind != VALUE_FLAG && has_empty_word(option, values)) {
            g_set_error(
                    error, CLIENT_ERROR, CLIENT_ERROR_USAGE, "--%s: its value is empty",
                    option->name);
            return FALSE;
        }
    }
    return TRUE;
}

gboolean options_are_offline(const Options *options) {
    static const char *const names[] = {"offline",  "search-path", "descriptor", "root",
                                        "machines", "directory",   "ephemeral"};

    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        if (options_get(options, names[i]))
            return TRUE;
    return FALSE;
}

char *options_get_directory(const Options *options) {
    return g_canonicalize_filename(options_get(options, "directory"), NULL);
}

const char *options_get(const Options *options, const char *name) {
    const GPtrArray *values = g_hash_table_lookup(options->given, name);

    return values ? values->pdata[values->len - 1] : NULL;
}

static void add_words(GPtrArray *words, const GPtrArray *values) {
    for (guint i = 0; i < values->len; i++) {
        g_auto(GStrv) parts = g_strsplit(values->pdata[i], ",", -1);

        for (char **part = parts; *part; part++)
            g_ptr_array_add(words, g_strdup(*part));
    }
}

static GVariant *make_words(const Options *options, const KeyOption *option, GError **error) {
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
    const GPtrArray *values = g_hash_table_lookup(options->given, option->name);

    if (values)
        add_words(words, values);
    for (guint i = 0; i < words->len; i++)
        if (!text_is_valid(words->pdata[i])) {
            g_set_error(error, CLIENT_ERROR, CLIENT_ERROR_USAGE, "--%s: not UTF-8", option->name);
            return NULL;
        }
    if (g_strcmp0(option->key, "features") == 0 && options_get(options, "secure-boot")) {
        g_ptr_array_add(words, g_strdup("secure-boot"));
        g_ptr_array_add(words, g_strdup("enrolled-keys"));
    }
    return words->len > 0 ? g_variant_new_strv((const char *const *)words->pdata, words->len)
                          : NULL;
}

static GVariant *make_owner(const char *name, GError **error) {
    const struct passwd *user;
    guint64 uid;

    if (g_ascii_string_to_unsigned(name, 10, 0, G_MAXUINT32, &uid, NULL))
        return g_variant_new_uint32((guint32)uid);
    user = getpwnam(name);
    if (user)
        return g_variant_new_uint32(user->pw_uid);

    g_set_error(error, CLIENT_ERROR, CLIENT_ERROR_FAILURE, "%s: no such user", name);
    return NULL;
}

static GVariant *make_size(const char *name, const char *value, GError **error) {
    guint64 size;

    if (g_ascii_string_to_unsigned(value, 10, 0, G_MAXINT64, &size, NULL))
        return g_variant_new_uint64(size);
    g_set_error(
            error, CLIENT_ERROR, CLIENT_ERROR_USAGE, "--%s=%s: it is a number of bytes", name,
            value);
    return NULL;
}

static GVariant *make_index(const char *name, const char *value, GError **error) {
    guint64 number;

    if (g_ascii_string_to_unsigned(value, 10, 0, G_MAXUINT32, &number, NULL))
        return g_variant_new_uint32((guint32)number);
    g_set_error(
            error, CLIENT_ERROR, CLIENT_ERROR_USAGE,
            "--%s=%s: it is the number of a backup; 'vmfirmwarectl backups' lists them", name,
            value);
    return NULL;
}

static GVariant *make_string(const char *name, const char *value, GError **error) {
    if (text_is_valid(value))
        return g_variant_new_string(value);
    g_set_error(error, CLIENT_ERROR, CLIENT_ERROR_USAGE, "--%s: not UTF-8", name);
    return NULL;
}

/* The service's working directory differs. */
static GVariant *make_file(const char *name, const char *value, GError **error) {
    g_autofree char *absolute = g_canonicalize_filename(value, NULL);

    return make_string(name, absolute, error);
}

/* The client renders "shell" itself, from keys that every answer has, and QEMU's arguments. */
static GVariant *make_client_value(const char *name, const char *value, GError **error) {
    static const char *const forms[] = {"qemu", "qemu-legacy", "libvirt", "libvirt-fields", NULL};

    if (!g_str_equal(name, "render"))
        return NULL;
    if (g_str_equal(value, "shell"))
        return g_variant_new_strv(forms, 1);
    if (g_strv_contains(forms, value))
        return g_variant_new_strv(&value, 1);
    g_set_error(
            error, CLIENT_ERROR, CLIENT_ERROR_USAGE,
            "--render=%s: it is one of qemu, qemu-legacy, libvirt, libvirt-fields, shell", value);
    return NULL;
}

/* NULL without an error: not given. */
static GVariant *make_value(const Options *options, const KeyOption *option, GError **error) {
    const char *value = options_get(options, option->name);

    if (option->kind == VALUE_WORDS)
        return make_words(options, option, error);
    if (!value || !option->key)
        return NULL;

    switch (option->kind) {
    case VALUE_FLAG:
        return g_variant_new_boolean(!g_str_has_prefix(option->name, "no-"));
    case VALUE_WORD:
        return make_string(option->name, value, error);
    case VALUE_FILE:
        return make_file(option->name, value, error);
    case VALUE_OWNER:
        return make_owner(value, error);
    case VALUE_SIZE:
        return make_size(option->name, value, error);
    case VALUE_INDEX:
        return make_index(option->name, value, error);
    case VALUE_CLIENT:
        return make_client_value(option->name, value, error);
    case VALUE_WORDS:
        break;
    }
    g_assert_not_reached();
}

gboolean options_add_keys(
        const Options *options, unsigned groups, GVariantDict *dict, GError **error) {
    for (guint i = 0; i < G_N_ELEMENTS(key_options); i++) {
        g_autoptr(GError) failure = NULL;
        GVariant *value;

        if (!(key_options[i].group & groups))
            continue;
        value = make_value(options, &key_options[i], &failure);
        if (failure) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        }
        if (value)
            g_variant_dict_insert_value(dict, key_options[i].key, value);
    }
    return TRUE;
}
