/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * Targets and levels of log messages. All messages, also those of libraries, come through GLib:
 * g_warning() and similar, and g_log_structured() in log-catalog.c and log-vm.c. Levels are
 * syslog's: g_error() is crit, g_critical() err, g_warning() warning, g_message() notice, g_info()
 * info, g_debug() debug. If stderr is connected to the journal, messages go there with their
 * fields; otherwise each is a line on stderr. All functions may be called from any thread.
 */

#define LOG_IDENTIFIER "vmfirmwared"

typedef enum LogTarget {
    LOG_TARGET_AUTO, /* the journal if stderr is connected to it, otherwise stderr */
    LOG_TARGET_CONSOLE,
    LOG_TARGET_JOURNAL,
    LOG_TARGET_NULL,
} LogTarget;

/* Installs this module as GLib's log writer. Call it once, before any other thread starts. */
void log_set_up(void);

/* Returns LOG_EMERG to LOG_DEBUG for systemd's words "emerg", "alert", "crit", "err", "warning",
 * "notice", "info", "debug", or -EINVAL. */
int log_level_from_string(const char *word);
const char *log_level_to_string(int level);

/* LEVEL is the least important level that is logged. Default: LOG_INFO. */
void log_set_max_level(int level);
int log_get_max_level(void);

/* Accepts "auto", "console", "journal", "null". Returns 0 or -EINVAL. */
int log_target_from_string(const char *word, LogTarget *ret);
const char *log_target_to_string(LogTarget target);

void log_set_target(LogTarget target);
LogTarget log_get_target(void);
