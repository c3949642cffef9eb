/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/resolution.h"

/*
 * Resolution -> the forms that others take as they are.
 *
 * Error of all: FIRMWARE_ERROR_INVALID_ARGS where the firmware writes to a copy of its own and the
 * question names none (nvram-filename).
 */

/* The arguments of QEMU: one string an argument, none of it for a shell. "-machine TYPE,…" comes
 * first. -blockdev and -machine pflash0=, for QEMU 4.0 and later; -drive if=pflash on a board
 * without these properties. */
GStrv render_qemu(const Resolution *resolution, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The same with -drive if=pflash, which every QEMU takes. */
GStrv render_qemu_legacy(const Resolution *resolution, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The elements <os> and <features> of a libvirt domain, one behind the other, each on lines of its
 * own. FIRMWARE_ERROR_NOT_SUPPORTED where libvirt has no words for the answer. */
char *render_libvirt(const Resolution *resolution, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The forms that a question asks for; NULL where it does not. */
typedef struct Rendering {
    GStrv qemu;
    GStrv qemu_legacy;
    char *libvirt;
} Rendering;

/* RENDER is Request's. */
gboolean rendering_make(const Resolution *resolution, guint render, Rendering *ret, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
void rendering_clear(Rendering *rendering);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Rendering, rendering_clear)

/* Only for these: FALSE is the error that all of them have. */
gboolean render_check_copy(const Resolution *resolution, GError **error) G_GNUC_WARN_UNUSED_RESULT;
