/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * The command line. Options that are D-Bus keys come from one table, which defines each key, its
 * type, and the verbs that accept it: no option is ignored silently.
 */

typedef enum JsonFormat {
    JSON_OFF,
    JSON_SHORT,
    JSON_PRETTY,
} JsonFormat;

/* Groups of options that the same verbs accept, one bit each. */
typedef enum OptionGroup {
    OPTIONS_NONE = 0,
    OPTIONS_REQUIREMENTS = 1 << 0,
    OPTIONS_NVRAM = 1 << 1,
    OPTIONS_RENDER = 1 << 2,
    OPTIONS_OWNER = 1 << 3,
    OPTIONS_CLONE = 1 << 4,
    OPTIONS_CREATE = 1 << 5,
    OPTIONS_INDEX = 1 << 6,
    OPTIONS_TEMPLATE = 1 << 7,
    OPTIONS_SOURCE_FORMAT = 1 << 8,
    OPTIONS_ALL = 1 << 9,
    OPTIONS_RESET = 1 << 10,
    OPTIONS_LIVE = 1 << 11,
    OPTIONS_BACKUP = 1 << 12,
    OPTIONS_NAMES = 1 << 13,
    OPTIONS_MACHINES = 1 << 14,
    OPTIONS_LIST = 1 << 15,
    OPTIONS_PROCESS = 1 << 16,
    OPTIONS_OFFLINE = 1 << 17,
    OPTIONS_SOURCES = 1 << 18,
    OPTIONS_REFERENCE = 1 << 19,
    OPTIONS_UNUSED = 1 << 20,
    OPTIONS_DIRECTORY = 1 << 21,
    OPTIONS_LIBVIRT = 1 << 22,
    OPTIONS_PINNED = 1 << 23,
    OPTIONS_CHECK = 1 << 24,
    OPTIONS_ROOT = 1 << 25,
    OPTIONS_CHANGE = 1 << 26,
    OPTIONS_ENROLL = 1 << 27,
    OPTIONS_BOOT = 1 << 28,
    OPTIONS_ATTRIBUTES = 1 << 29,
    OPTIONS_HOST_KEYS = 1 << 30,
} OptionGroup;

typedef struct Options {
    gboolean is_user;
    gboolean is_system;
    gboolean no_legend;
    gboolean no_pager;
    gboolean no_ask_password;
    gboolean show_version;
    char *host;      /* of --host, or NULL */
    char *container; /* of --machine, or NULL */
    JsonFormat json;
    GHashTable *given; /* name of an option -> GPtrArray of its values, as typed */
} Options;

void options_clear(Options *options);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

/* Parses the options of WORDS (the program first) up to "--", and returns the remaining words,
 * without the program and "--", in RET_WORDS. Error: CLIENT_ERROR_USAGE. OPTIONS must be all zeros,
 * and be cleared in any case. VERBS is for --help. */
gboolean options_parse(
        Options *options, const char *verbs, char *const *words, GStrv *ret_words, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* CLIENT_ERROR_USAGE: an option was given that is in no group of ALLOWED. */
gboolean options_check(const Options *options, unsigned allowed, const char *verb, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* --offline, or an option that names a source for it. */
gboolean options_are_offline(const Options *options);

/* The absolute path of --directory, which is given. */
char *options_get_directory(const Options *options) G_GNUC_WARN_UNUSED_RESULT;

/* Returns the last value of an option as typed, "" for a flag; NULL: not given. */
const char *options_get(const Options *options, const char *name);

/* Adds a value, as if it had been typed. */
void options_add(const Options *options, const char *name, const char *value);

/* Adds the D-Bus keys of the options in GROUPS, except for --nvram-template, a file. */
gboolean options_add_keys(
        const Options *options, unsigned groups, GVariantDict *dict, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
