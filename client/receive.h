/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "verbs.h"

/* Copies SIZE bytes from the pipe of the method Export to TO, and leaves holes in a file; the
 * caller sets its length. FILENAME is the file's name for messages. */
gboolean receive_nvram(
        Context *context, int from, int to, guint64 size, const char *filename, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
