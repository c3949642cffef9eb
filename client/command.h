/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "verbs.h"

/* A command that replaces this program and keeps a lease: of run, lease. */

/* Returns the path of the program NAME, or NULL with an error that begins with VERB. To be called
 * before anything is created: a misspelt command must leave no virtual machine behind. */
char *command_find(const char *verb, const char *name, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Returns a copy of FD that survives exec, or a negative errno. */
int command_inherit(int fd) G_GNUC_WARN_UNUSED_RESULT;

/* Closes the connection and executes PATH with WORDS. Returns on failure only. */
void command_execute(
        Context *context, const char *verb, const char *path, char **words, GError **error);
