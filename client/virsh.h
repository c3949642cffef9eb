/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Runs virsh, which knows how to reach libvirt, with WORDS. Returns its output, or NULL with a
 * CLIENT_ERROR_FAILURE whose message is what virsh says, or why it cannot be run. */
char *virsh_run(const char *const *words, GError **error) G_GNUC_WARN_UNUSED_RESULT;
