/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "resolution.h"

/*
 * Resolution -> the arguments that QEMU takes as they are: one string an argument, none of it for
 * a shell. "-machine TYPE,…" comes first.
 *
 * Error of all: FIRMWARE_ERROR_INVALID_ARGS where the firmware writes to a copy of its own and the
 * question names none (nvram-filename).
 */

/* -blockdev and -machine pflash0=, for QEMU 4.0 and later; -drive if=pflash on a board without
 * these properties. */
GStrv render_qemu(const Resolution *resolution, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* -drive if=pflash, which every QEMU takes. */
GStrv render_qemu_legacy(const Resolution *resolution, GError **error) G_GNUC_WARN_UNUSED_RESULT;
