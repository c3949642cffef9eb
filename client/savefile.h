/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * A file that is there whole or not at all: written beside its place, renamed when it is complete,
 * and removed again whatever ends the program short of SIGKILL. One at a time.
 */
typedef struct SaveFile SaveFile;

/* FILENAME may exist, if it is a regular file or a link to one. Mode 0600. */
SaveFile *savefile_open(const char *filename, GError **error) G_GNUC_WARN_UNUSED_RESULT;

int savefile_get_fd(const SaveFile *file);

/* Written to disk, and in its place. */
gboolean savefile_publish(SaveFile *file, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Removes what was not published. */
void savefile_free(SaveFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SaveFile, savefile_free)
