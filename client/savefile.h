/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * A file that is written completely or not at all: written to a temporary file, renamed when it is
 * complete, and removed if the program ends before, except by SIGKILL. One at a time.
 */
typedef struct SaveFile SaveFile;

/* An existing FILENAME must be a regular file or a link to one. Mode 0600. */
SaveFile *savefile_open(const char *filename, GError **error) G_GNUC_WARN_UNUSED_RESULT;

int savefile_get_fd(const SaveFile *file);

/* Syncs the file and moves it to its place. */
gboolean savefile_publish(SaveFile *file, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Removes the file if it was not published. */
void savefile_free(SaveFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SaveFile, savefile_free)
