/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The mounts that this process sees, and their changes, from /proc/self/mountinfo. */

typedef struct Mounts Mounts;

/* Returns 0 or a negative errno. */
int mounts_new(Mounts **ret) G_GNUC_WARN_UNUSED_RESULT;
void mounts_free(Mounts *mounts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Mounts, mounts_free)

/* Signals EPOLLPRI after each mount and unmount. */
int mounts_get_fd(const Mounts *mounts);

/* Reads the mounts again. CHANGED is called for each mount point at which one has appeared or
 * disappeared since the last call. Returns 0 or a negative errno. */
int mounts_update(
        Mounts *mounts, void (*changed)(const char *mount_point, gpointer userdata),
        gpointer userdata) G_GNUC_WARN_UNUSED_RESULT;

/* Parses a text like mountinfo: identity of a mount -> its mount point. */
GHashTable *mounts_parse(char *mountinfo) G_GNUC_WARN_UNUSED_RESULT;

/* See watch_get_mounts_above(). */
char *mounts_get_above(const Mounts *mounts, const char *path, char **ret_point)
        G_GNUC_WARN_UNUSED_RESULT;
/* The same for what mounts_parse() returns. */
char *mounts_find_above(GHashTable *mounts, const char *path, char **ret_point)
        G_GNUC_WARN_UNUSED_RESULT;
