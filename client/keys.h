/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "base/file.h"
#include "options.h"

/*
 * The a{sv} of a call, built from the options, and the files that it carries.
 */

/* Returns a floating a{sv} of the options in GROUPS, or NULL with an error. EXTRA (may be NULL)
 * comes first and is consumed. */
GVariant *keys_from_options(
        const Options *options, unsigned groups, GVariantDict *extra, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* Opens the file of --nvram-template and adds the key; without it *RET_FD is FILE_FD_NONE. *RET_FD
 * must stay open until the call is made. */
gboolean keys_add_template(
        const Options *options, GVariantDict *dict, FileFd *ret_fd, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* Returns a file's content in a sealed memfd. "-" is standard input. */
gboolean keys_open_content(const char *filename, FileFd *ret_fd, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
