/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/vocab.h"
#include "uefi/store.h"

/*
 * Reads the variable store in an image: a raw or qcow2 image of a flash, or QEMU's JSON. Reads no
 * more than the store, never opens a file that the image refers to, and never writes.
 */

/* A fault of the file is the store's health, STORE_HEALTH_UNREADABLE if nothing could be read.
 * Returns 0, or a negative errno: -EOPNOTSUPP if a qcow2 is compressed with zstd, others if the
 * system failed. */
int store_file_read(int fd, ImageFormat format, Store **ret) G_GNUC_WARN_UNUSED_RESULT;

/* The format that the first bytes show: an image in flash begins neither with QFI nor with {. */
ImageFormat store_file_guess_format(int fd);
