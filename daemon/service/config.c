/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service/config.h"

#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <syslog.h>

#include "service/config-file.h"
#include "service/log.h"
#include "base/root.h"
#include "base/text.h"

#define FILE_NAME "vmfirmwared.conf"

/* QEMU's docs/interop/firmware.json names these two directories. */
#define VENDOR_DIRECTORY "/usr/share/qemu/firmware"
#define ADMIN_DIRECTORY "/etc/qemu/firmware"

/* Of Debian's package python3-virt-firmware, which has Microsoft's certificates. */
#define PYTHON_CERTIFICATES "/usr/lib/python3/dist-packages/virt/firmware/certs"

#define MAX_MSEC (3600 * 1000)

/* The values in the files. */
typedef struct Settings {
    char *search_path;
    char *machines;
    char *certificates;
    char *enroll_directory;
    gboolean enroll_replace_pk;
    int log_level;
    guint64 quiet_msec;
    guint64 max_quiet_msec;
    guint64 rescan_sec;
    ConfigLimits limits;
} Settings;

static void settings_clear(Settings *settings) {
    g_free(settings->search_path);
    g_free(settings->machines);
    g_free(settings->certificates);
    g_free(settings->enroll_directory);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Settings, settings_clear)

static const Settings defaults = {
        .quiet_msec = 50,
        .max_quiet_msec = 500,
        .rescan_sec = 30,
        .log_level = LOG_INFO,
        .limits =
                {
                        .calls_per_user = 16,
                        .calls = 256,
                        .exports_per_user = 4,
                        .vms_per_user = 256,
                        .bytes_per_user = G_GUINT64_CONSTANT(4) << 30,
                        .backups = 3,
                },
};

void config_options_clear(ConfigOptions *options) {
    g_free(options->search_path);
    g_free(options->machines);
    g_free(options->state_directory);
    g_free(options->config_file);
}

/* -- directories -------------------------------------------------------------------------- */

static gboolean is_directory_name(const char *directory) {
    return directory[0] == '/' && text_is_valid(directory);
}

/* Returns an absolute directory without a trailing slash. */
static char *read_directory(const char *option, const char *directory, GError **error) {
    if (!is_directory_name(directory)) {
        g_autofree char *safe = text_escape(directory);
        g_set_error(
                error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "%s: \"%s\" is not an absolute directory name in UTF-8", option, safe);
        return NULL;
    }
    return g_canonicalize_filename(directory, "/");
}

/* NULL-terminated. */
static GStrv split_directories(const char *option, const char *value, GError **error) {
    g_autoptr(GStrvBuilder) directories = g_strv_builder_new();
    g_auto(GStrv) words = g_strsplit(value, ":", -1);

    if (!words[0]) {
        g_set_error(
                error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s: names no directory", option);
        return NULL;
    }
    for (char **word = words; *word; word++) {
        g_autofree char *directory = read_directory(option, *word, error);

        if (!directory)
            return NULL;
        g_strv_builder_add(directories, directory);
    }
    return g_strv_builder_end(directories);
}

static FirmwareLayer classify_directory(const char *directory, const char *user_directory) {
    if (g_str_equal(directory, DATADIR "/firmware"))
        return FIRMWARE_LAYER_BUILTIN;
    if (g_str_equal(directory, VENDOR_DIRECTORY))
        return FIRMWARE_LAYER_VENDOR;
    if (g_str_equal(directory, ADMIN_DIRECTORY))
        return FIRMWARE_LAYER_ADMIN;
    if (g_strcmp0(directory, user_directory) == 0)
        return FIRMWARE_LAYER_USER;
    return FIRMWARE_LAYER_CUSTOM;
}

/* Builds a path in DIRECTORY of the XDG Base Directory Specification, or in BY_DEFAULT of the
 * user's home: "If an implementation encounters a relative path ... it should consider the path
 * invalid and ignore it." */
static char *build_user_path(const char *directory, const char *by_default, const char *name) {
    g_autofree char *path = g_path_is_absolute(directory)
            ? g_build_filename(directory, name, NULL)
            : g_build_filename(g_get_home_dir(), by_default, name, NULL);

    return g_canonicalize_filename(path, "/");
}

static char *build_user_config_path(const char *name) {
    return build_user_path(g_get_user_config_dir(), ".config", name);
}

/* NULL-terminated. */
static GStrv get_default_layers(const char *user_directory, GError **error) {
    const char *const all[] = {
            DATADIR "/firmware", VENDOR_DIRECTORY, ADMIN_DIRECTORY, user_directory, NULL};
    g_autoptr(GStrvBuilder) directories = g_strv_builder_new();

    for (const char *const *name = all; *name; name++) {
        g_autofree char *directory = read_directory("XDG_CONFIG_HOME", *name, error);

        if (!directory)
            return NULL;
        g_strv_builder_add(directories, directory);
    }
    return g_strv_builder_end(directories);
}

static gboolean add_layers(
        const ConfigOptions *options, const char *search_path, GPtrArray *layers, GError **error) {
    g_autofree char *user_directory =
            options->is_user ? build_user_config_path("qemu/firmware") : NULL;
    g_auto(GStrv) directories = search_path ? split_directories("--search-path", search_path, error)
                                            : get_default_layers(user_directory, error);

    for (char **directory = directories; directory && *directory; directory++) {
        CatalogLayer *layer = g_new0(CatalogLayer, 1);

        layer->kind = classify_directory(*directory, user_directory);
        layer->directory = g_strdup(*directory);
        g_ptr_array_add(layers, layer);
    }
    return directories != NULL;
}

static char *choose_state_directory(const ConfigOptions *options, GError **error) {
    g_autofree char *by_default = options->is_user
            ? build_user_path(g_get_user_state_dir(), ".local/state", "vmfirmwared")
            : g_strdup("/var/lib/vmfirmwared");

    return read_directory(
            "--state-directory", options->state_directory ? options->state_directory : by_default,
            error);
}

/* -- keys --------------------------------------------------------------------------------- */

static gboolean parse_number(const ConfigKey *key, const char *value, gpointer data) {
    return g_ascii_string_to_unsigned(
            value, 10, key->min, key->max, (guint64 *)((char *)data + key->offset), NULL);
}

/* Accepts systemd's suffixes K, M, G, T, each 1024 times the previous one. */
static gboolean parse_size(const ConfigKey *key, const char *value, gpointer data) {
    static const char suffixes[] = "KMGT";
    g_autofree char *digits = g_strdup(value);
    gsize length = strlen(digits);
    const char *suffix = length > 0 ? strchr(suffixes, digits[length - 1]) : NULL;
    guint shift = suffix ? 10 * (guint)(suffix - suffixes + 1) : 0;
    guint64 number;

    if (suffix)
        digits[length - 1] = '\0';
    if (!g_ascii_string_to_unsigned(digits, 10, 0, key->max >> shift, &number, NULL))
        return FALSE;
    *(guint64 *)((char *)data + key->offset) = number << shift;
    return TRUE;
}

static void replace_string(const ConfigKey *key, const char *value, gpointer data) {
    char **field = (char **)((char *)data + key->offset);

    g_free(*field);
    /* as in systemd's files, an empty value resets the key to its default */
    *field = value[0] ? g_strdup(value) : NULL;
}

static gboolean parse_directories(const ConfigKey *key, const char *value, gpointer data) {
    g_auto(GStrv) words = g_strsplit(value, ":", -1);

    for (char **word = words; *word; word++)
        if (!is_directory_name(*word))
            return FALSE;
    replace_string(key, value, data);
    return TRUE;
}

static gboolean parse_directory(const ConfigKey *key, const char *value, gpointer data) {
    if (value[0] && !is_directory_name(value))
        return FALSE;
    replace_string(key, value, data);
    return TRUE;
}

/* The words of systemd's files. */
static gboolean parse_boolean(const ConfigKey *key, const char *value, gpointer data) {
    static const char *const yes[] = {"1", "yes", "true", "on", NULL};
    static const char *const no[] = {"", "0", "no", "false", "off", NULL};
    const gboolean is_true = g_strv_contains(yes, value);

    if (!is_true && !g_strv_contains(no, value))
        return FALSE;
    *(gboolean *)((char *)data + key->offset) = is_true;
    return TRUE;
}

static gboolean parse_level(const ConfigKey *key, const char *value, gpointer data) {
    int level = value[0] ? log_level_from_string(value) : LOG_INFO;

    if (level < 0)
        return FALSE;
    *(int *)((char *)data + key->offset) = level;
    return TRUE;
}

#define DIRECTORIES "a list of absolute directories with colons between them"
#define LIMIT(name, field, lowest, highest, text) \
    {"Limits", name, parse_number, offsetof(Settings, limits.field), lowest, highest, text}

static const ConfigKey keys[] = {
        {"Catalog", "SearchPath", parse_directories, offsetof(Settings, search_path), 0, 0,
         DIRECTORIES},
        {"Catalog", "MachineDirectories", parse_directories, offsetof(Settings, machines), 0, 0,
         DIRECTORIES},
        {"Catalog", "CertificateDirectories", parse_directories, offsetof(Settings, certificates),
         0, 0, DIRECTORIES},
        {"Catalog", "EnrollDirectory", parse_directory, offsetof(Settings, enroll_directory), 0, 0,
         "an absolute directory"},
        {"Catalog", "EnrollReplacePK", parse_boolean, offsetof(Settings, enroll_replace_pk), 0, 0,
         "yes or no"},
        {"Catalog", "QuietMSec", parse_number, offsetof(Settings, quiet_msec), 1, MAX_MSEC,
         "a number of milliseconds, 1 to 3600000,"},
        {"Catalog", "MaxQuietMSec", parse_number, offsetof(Settings, max_quiet_msec), 1, MAX_MSEC,
         "a number of milliseconds, 1 to 3600000,"},
        {"Catalog", "RescanSec", parse_number, offsetof(Settings, rescan_sec), 1, 86400,
         "a number of seconds, 1 to 86400,"},
        LIMIT("CallsPerUser", calls_per_user, 1, 65536, "a number, 1 to 65536,"),
        LIMIT("Calls", calls, 1, 65536, "a number, 1 to 65536,"),
        LIMIT("ExportsPerUser", exports_per_user, 1, 65536, "a number, 1 to 65536,"),
        LIMIT("VMsPerUser", vms_per_user, 0, 1048576, "a number, 0 to 1048576,"),
        LIMIT("Backups", backups, 0, 64, "a number, 0 to 64,"),
        {"Limits", "BytesPerUser", parse_size, offsetof(Settings, limits.bytes_per_user), 0,
         G_GUINT64_CONSTANT(1) << 62, "a number of bytes, with a suffix K, M, G or T if need be,"},
        {"Log", "LogLevel", parse_level, offsetof(Settings, log_level), 0, 0,
         "one of emerg, alert, crit, err, warning, notice, info, debug"},
        {},
};

/* -- loading -------------------------------------------------------------------------- */

/* A visitor, and whether it has refused a path. */
typedef struct Guard {
    const FileVisitor *visitor; /* or NULL */
    gboolean has_refused;
} Guard;

static gboolean note(Guard *guard, gboolean answers) {
    guard->has_refused |= !answers;
    return answers;
}

static gboolean guard_file(const char *path, gpointer userdata) {
    Guard *guard = userdata;

    return note(guard, file_visit(guard->visitor, path));
}

static gboolean guard_directory(const char *path, gpointer userdata) {
    Guard *guard = userdata;

    return note(guard, file_visit_directory(guard->visitor, path));
}

/* Directories of the system as for systemd's daemons; for a user, directories below the user's
 * configuration directory. */
static GPtrArray *find_files(
        const ConfigOptions *options, const char *config_file, const FileVisitor *visitor) {
    static const char *const system[] = {
            "/usr/lib/vmfirmwared", "/run/vmfirmwared", "/etc/vmfirmwared", NULL};
    g_autofree char *directory = NULL;
    g_autofree char *name = NULL;

    if (config_file) {
        directory = g_path_get_dirname(config_file);
        name = g_path_get_basename(config_file);
    } else if (options->is_user) {
        directory = build_user_config_path("vmfirmwared");
        name = g_strdup(FILE_NAME);
    } else {
        return config_files_find(system, FILE_NAME, visitor);
    }
    return config_files_find((const char *const[]){directory, NULL}, name, visitor);
}

/* Reports an error if the file that the command line names does not exist. */
static gboolean check_config_file(
        const char *config_file, const FileVisitor *visitor, GError **error) {
    g_auto(FileFd) fd = FILE_FD_NONE;
    int r;

    if (!config_file || !file_visit(visitor, config_file) ||
        file_is_null_device(AT_FDCWD, config_file))
        return TRUE;
    /* opened, because access(2) ignores the unit's capabilities */
    r = file_open_regular(AT_FDCWD, config_file, &fd, NULL);
    if (r < 0)
        g_set_error(
                error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--config: %s: %s", config_file,
                g_strerror(-r));
    return r >= 0;
}

static WatchTimes make_times(const Settings *settings) {
    return (WatchTimes){
            .quiet = settings->quiet_msec * 1000,
            .max_quiet = MAX(settings->quiet_msec, settings->max_quiet_msec) * 1000,
            .rescan = settings->rescan_sec * G_USEC_PER_SEC,
    };
}

static Config *make_config(const ConfigOptions *options, const Settings *settings, GError **error) {
    g_autoptr(Config) config = g_atomic_rc_box_new0(Config);
    const char *machines;

    config->layers = g_ptr_array_new_with_free_func((GDestroyNotify)catalog_layer_free);
    if (!add_layers(
                options, options->search_path ? options->search_path : settings->search_path,
                config->layers, error))
        return NULL;
    machines = options->machines ? options->machines
            : settings->machines ? settings->machines
                                 : DATADIR "/machines:/etc/vmfirmwared/machines";
    config->machine_directories = split_directories("--machines", machines, error);
    if (!config->machine_directories)
        return NULL;
    config->certificate_directories = split_directories(
            "CertificateDirectories",
            settings->certificates ? settings->certificates
                                   : PYTHON_CERTIFICATES
                    ":" DATADIR "/certificates:/etc/vmfirmwared/certificates",
            error);
    if (!config->certificate_directories)
        return NULL;
    config->enroll_directory = g_strdup(
            settings->enroll_directory ? settings->enroll_directory : "/etc/vmfirmwared/enroll");
    config->enrolls_platform_key = settings->enroll_replace_pk;
    config->state_directory = choose_state_directory(options, error);
    if (!config->state_directory)
        return NULL;

    config->watch_times = make_times(settings);
    config->limits = settings->limits;
    config->log_level = settings->log_level;
    return g_steal_pointer(&config);
}

Config *config_new(const ConfigOptions *options, GError **error) {
    return make_config(options, &defaults, error);
}

Config *config_load(const ConfigOptions *options, const FileVisitor *visitor, GError **error) {
    Guard guard = {.visitor = visitor};
    const FileVisitor guarded = {
            .file = guard_file,
            .directory = guard_directory,
            .userdata = &guard,
            .root = root_of(visitor),
    };
    g_autofree char *config_file =
            options->config_file ? g_canonicalize_filename(options->config_file, NULL) : NULL;
    g_autoptr(GPtrArray) files = NULL;
    g_auto(Settings) settings = defaults;
    Config *config;

    if (!check_config_file(config_file, &guarded, error))
        return NULL;
    files = find_files(options, config_file, &guarded);
    config_files_read(files, &guarded, keys, &settings);
    config = make_config(options, &settings, error);
    if (config)
        config->is_incomplete = guard.has_refused;
    return config;
}

static void config_clear(gpointer data) {
    Config *config = data;

    g_ptr_array_unref(config->layers);
    g_strfreev(config->machine_directories);
    g_strfreev(config->certificate_directories);
    g_free(config->enroll_directory);
    g_free(config->state_directory);
}

Config *config_ref(Config *config) {
    return g_atomic_rc_box_acquire(config);
}

void config_unref(Config *config) {
    if (config)
        g_atomic_rc_box_release_full(config, config_clear);
}

gboolean config_same_search_path(const Config *a, const Config *b) {
    if (a->layers->len != b->layers->len)
        return FALSE;
    for (guint i = 0; i < a->layers->len; i++)
        if (!g_str_equal(
                    ((const CatalogLayer *)a->layers->pdata[i])->directory,
                    ((const CatalogLayer *)b->layers->pdata[i])->directory))
            return FALSE;
    return TRUE;
}
