/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "options.h"

/*
 * The directory of --ephemeral: a temporary one, in the place of --directory. It is removed when
 * the object is freed; one whose process was killed, by the next process that makes one.
 *
 *   $TMPDIR/vmfirmwarectl-ephemeral-XXXXXX/
 *     .vmfirmwarectl   locked, by flock(2), by the process that removes the directory
 *     lock, …          of the VM; while its lease is held, the directory stays
 */

typedef struct Ephemeral Ephemeral;

/* Removes what other processes of this user have left, and makes a directory. */
Ephemeral *ephemeral_new(GError **error) G_GNUC_WARN_UNUSED_RESULT;
const char *ephemeral_get_path(const Ephemeral *ephemeral);
void ephemeral_free(Ephemeral *ephemeral);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Ephemeral, ephemeral_free)

/* Executes PATH with WORDS in a child, which ends with this process, passes signals on to it, and
 * waits for its end. Returns what the child's end is for wait(2), or a negative errno. */
int ephemeral_run(const char *path, char **words) G_GNUC_WARN_UNUSED_RESULT;
