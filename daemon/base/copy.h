/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * Copies of files that keep holes. Functions return 0 or a negative errno.
 */

/* Copies SIZE bytes from the beginning of FROM to the empty file TO, and sets TO's length to
 * TOTAL_SIZE (at least SIZE). Shares blocks where the file system supports it; otherwise it writes
 * no block of zeros, so a copy takes no more space than its data. -ENODATA: FROM is shorter than
 * SIZE. */
int copy_file(int from, int to, guint64 size, guint64 total_size) G_GNUC_WARN_UNUSED_RESULT;

/* Writes CHUNK at TO's position, and leaves a hole for each block of zeros: NVRAM can be 64 MiB of
 * nearly nothing. The caller sets the file's length at the end. */
int copy_chunk(int to, const void *chunk, gsize size) G_GNUC_WARN_UNUSED_RESULT;
