/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * Where log messages go, and which. All come through GLib (g_warning() and its like, and
 * g_log_structured() for log-catalog.c and log-vm.c), from libraries too. Levels are syslog's:
 * g_error() is crit, g_critical() err, g_warning() warning, g_message() notice, g_info() info,
 * g_debug() debug. The journal is the target where stderr leads there; then a message has its
 * fields. Otherwise it is a line on stderr. Everything here may be called from any thread.
 */

#define LOG_IDENTIFIER "vmfirmwared"

typedef enum LogTarget {
    LOG_TARGET_AUTO, /* the journal where stderr is connected to it, else stderr */
    LOG_TARGET_CONSOLE,
    LOG_TARGET_JOURNAL,
    LOG_TARGET_NULL,
} LogTarget;

/* From here on GLib's messages are this module's. Once, before any other thread. */
void log_set_up(void);

/* LOG_EMERG to LOG_DEBUG of "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
 * as systemd writes them; -EINVAL for anything else. */
int log_level_from_string(const char *word);
const char *log_level_to_string(int level);

/* The least important level that is logged: LOG_INFO, unless it is set. */
void log_set_max_level(int level);
int log_get_max_level(void);

/* "auto", "console", "journal", "null". -EINVAL for anything else. */
int log_target_from_string(const char *word, LogTarget *ret);
const char *log_target_to_string(LogTarget target);

void log_set_target(LogTarget target);
LogTarget log_get_target(void);
