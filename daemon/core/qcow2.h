/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * Reads a qcow2 image (QEMU docs/interop/qcow2.txt). The service needs less than a MiB of an image,
 * so no program converts all of it.
 */

/* Reads SIZE bytes that the guest sees, from OFFSET on, into BUFFER. FD is an image that
 * image_probe_fd() accepts, and that names no other file. Returns 0, or a negative errno: -EUCLEAN
 * if a table or a cluster is malformed, -EOPNOTSUPP if a cluster is compressed with zstd. */
int qcow2_read(int fd, guint64 offset, guint8 *buffer, gsize size) G_GNUC_WARN_UNUSED_RESULT;
