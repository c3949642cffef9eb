/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/catalog-file.h"
#include "service/watch.h"

/*
 * The service's configuration: the command line, which is fixed, then the configuration file and
 * its drop-ins, which are read again at each reload. The command line has precedence. For a fault
 * in a file, logs its line and key, and uses the default.
 */

/* The command line. NULL members were not given. */
typedef struct ConfigOptions {
    gboolean is_user;
    char *search_path;
    char *machines;
    char *state_directory;
    char *config_file;
} ConfigOptions;

void config_options_clear(ConfigOptions *options);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ConfigOptions, config_options_clear)

/* The keys of the section [Limits], with their defaults. */
typedef struct ConfigLimits {
    guint64 calls_per_user;   /* CallsPerUser=16: unfinished calls of a uid except 0; 1 to 65536 */
    guint64 calls;            /* Calls=256: unfinished calls in total; 1 to 65536 */
    guint64 exports_per_user; /* ExportsPerUser=4: concurrent exports; 1 to 65536 */
    guint64 vms_per_user;     /* VMsPerUser=256: VMs of an owner; 0 to 1048576 */
    guint64 bytes_per_user;   /* BytesPerUser=4G: of an owner's files, with holes except in backups;
                               * 0 to 2^62 */
    guint64 backups;          /* Backups=3: replaced stores kept for each VM; 0 to 64 */
} ConfigLimits;

typedef struct Config {
    GPtrArray *layers;         /* of CatalogLayer, least specific first. [Catalog] SearchPath= */
    GStrv machine_directories; /* least specific first. [Catalog] MachineDirectories= */
    GStrv certificate_directories; /* least specific first. [Catalog] CertificateDirectories= */
    char *enroll_directory;        /* keys of this host. [Catalog] EnrollDirectory= */
    gboolean enrolls_platform_key; /* where there is one. [Catalog] EnrollReplacePK=no */
    char *state_directory;         /* command line only */
    WatchTimes watch_times;        /* [Catalog] QuietMSec=50, MaxQuietMSec=500, RescanSec=30 */
    ConfigLimits limits;
    int log_level;          /* [Log] LogLevel=info: LOG_EMERG to LOG_DEBUG, by the words of log.h */
    gboolean is_incomplete; /* a file may not be looked at: see FileVisitor */
} Config;

/* Returns the defaults and what OPTIONS say, without looking at a file, or NULL with a
 * G_OPTION_ERROR if OPTIONS are invalid. The result is immutable, and threads can share it. */
Config *config_new(const ConfigOptions *options, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Reads the files as well. A G_OPTION_ERROR also if OPTIONS name a file that cannot be read; a
 * fault in a file is not an error. VISITOR (or NULL) visits each file. */
Config *config_load(const ConfigOptions *options, const FileVisitor *visitor, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
Config *config_ref(Config *config);
void config_unref(Config *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Config, config_unref)

/* Returns TRUE if both name the same directories in the same order. */
gboolean config_same_search_path(const Config *a, const Config *b);
