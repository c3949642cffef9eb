/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * Reads the beginning of a qcow2 image (QEMU docs/interop/qcow2.txt). A variable store needs less
 * than a MiB, so no program converts the whole image.
 */

/* Reads the first SIZE bytes that the guest sees into BUFFER. FD is an image that image_probe_fd()
 * accepts, and that names no other file. Returns 0, or a negative errno: -EUCLEAN if a table or a
 * cluster is malformed, -EOPNOTSUPP if a cluster is compressed with zstd. */
int qcow2_read(int fd, guint8 *buffer, gsize size) G_GNUC_WARN_UNUSED_RESULT;
