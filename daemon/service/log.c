/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

static const char *const level_words[] = {
        [LOG_EMERG] = "emerg", [LOG_ALERT] = "alert",     [LOG_CRIT] = "crit",
        [LOG_ERR] = "err",     [LOG_WARNING] = "warning", [LOG_NOTICE] = "notice",
        [LOG_INFO] = "info",   [LOG_DEBUG] = "debug",
};

static const char *const target_words[] = {
        [LOG_TARGET_AUTO] = "auto",
        [LOG_TARGET_CONSOLE] = "console",
        [LOG_TARGET_JOURNAL] = "journal",
        [LOG_TARGET_NULL] = "null",
};

/* Atomic, because worker threads log as well. */
static int max_level = LOG_INFO;
static int current_target = LOG_TARGET_AUTO;
/* Written before the first worker thread starts. */
static gboolean stderr_is_journal;

static int find_word(const char *const *words, gsize n, const char *word) {
    for (gsize i = 0; i < n; i++)
        if (g_str_equal(words[i], word))
            return (int)i;
    return -EINVAL;
}

int log_level_from_string(const char *word) {
    return find_word(level_words, G_N_ELEMENTS(level_words), word);
}

const char *log_level_to_string(int level) {
    g_assert(level >= LOG_EMERG && level <= LOG_DEBUG);
    return level_words[level];
}

void log_set_max_level(int level) {
    g_assert(level >= LOG_EMERG && level <= LOG_DEBUG);
    g_atomic_int_set(&max_level, level);
}

int log_get_max_level(void) {
    return g_atomic_int_get(&max_level);
}

int log_target_from_string(const char *word, LogTarget *ret) {
    int target = find_word(target_words, G_N_ELEMENTS(target_words), word);

    if (target < 0)
        return target;
    *ret = (LogTarget)target;
    return 0;
}

const char *log_target_to_string(LogTarget target) {
    return target_words[target];
}

void log_set_target(LogTarget target) {
    g_atomic_int_set(&current_target, (int)target);
}

LogTarget log_get_target(void) {
    return (LogTarget)g_atomic_int_get(&current_target);
}

/* -- writing ----------------------------------------------------------------------------- */

/* GLib itself logs criticals as warnings. */
static int get_priority(GLogLevelFlags level) {
    if (level & G_LOG_LEVEL_ERROR)
        return LOG_CRIT;
    if (level & G_LOG_LEVEL_CRITICAL)
        return LOG_ERR;
    if (level & G_LOG_LEVEL_WARNING)
        return LOG_WARNING;
    if (level & G_LOG_LEVEL_MESSAGE)
        return LOG_NOTICE;
    if (level & G_LOG_LEVEL_INFO)
        return LOG_INFO;
    return LOG_DEBUG;
}

/* Writes one line, even for a file name with line breaks. */
static void write_to_stderr(int priority, const GLogField *fields, gsize n_fields) {
    g_autofree char *message = NULL;

    for (gsize i = 0; i < n_fields; i++)
        if (g_str_equal(fields[i].key, "MESSAGE"))
            message = fields[i].length < 0 ? g_strdup(fields[i].value)
                                           : g_strndup(fields[i].value, (gsize)fields[i].length);
    if (!message)
        return;
    for (char *c = message; *c; c++)
        if (g_ascii_iscntrl(*c))
            *c = '?';

    /* sd-daemon(3): the prefix carries the priority, if journald reads stderr */
    if (stderr_is_journal)
        (void)fprintf(stderr, "<%d>%s\n", priority, message);
    else
        (void)fprintf(stderr, LOG_IDENTIFIER ": %s\n", message);
}

static gboolean write_to_journal(
        GLogLevelFlags level, int priority, const GLogField *fields, gsize n_fields) {
    g_autofree GLogField *all = g_new(GLogField, n_fields + 2);
    char digit[] = {(char)('0' + priority), '\0'};
    gsize n = 0;

    for (gsize i = 0; i < n_fields; i++)
        if (!g_str_equal(fields[i].key, "PRIORITY"))
            all[n++] = fields[i];
    all[n++] = (GLogField){.key = "PRIORITY", .value = digit, .length = -1};
    all[n++] = (GLogField){.key = "SYSLOG_IDENTIFIER", .value = LOG_IDENTIFIER, .length = -1};
    return g_log_writer_journald(level, all, n, NULL) == G_LOG_WRITER_HANDLED;
}

static GLogWriterOutput write_entry(
        GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer userdata) {
    int priority = get_priority(level);
    LogTarget target = log_get_target();

    if (priority > log_get_max_level() || target == LOG_TARGET_NULL)
        return G_LOG_WRITER_HANDLED;
    if (target == LOG_TARGET_AUTO)
        target = stderr_is_journal ? LOG_TARGET_JOURNAL : LOG_TARGET_CONSOLE;

    /* a message that the journal does not accept goes to stderr */
    if (target != LOG_TARGET_JOURNAL || !write_to_journal(level, priority, fields, n_fields))
        write_to_stderr(priority, fields, n_fields);
    return G_LOG_WRITER_HANDLED;
}

void log_set_up(void) {
    stderr_is_journal = g_log_writer_is_journald(STDERR_FILENO);
    g_log_set_writer_func(write_entry, NULL, NULL);
}
