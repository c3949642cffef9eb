/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * Architectures: QEMU's target names, which descriptors and answers have, and the names that others
 * use for them.
 */

/* QEMU's target for NAME (amd64, i686, arm64, …), or NAME itself where it is no other's name. */
const char *architecture_from_name(const char *name);

/* libvirt's word for a target; NULL where it has none. */
const char *architecture_to_libvirt(const char *target);

gboolean architecture_is_x86(const char *target);

/* All targets, NULL-terminated; free the array alone. */
const char **architecture_list(void) G_GNUC_WARN_UNUSED_RESULT;
