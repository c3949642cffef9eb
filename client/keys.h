/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "base/file.h"
#include "options.h"

/*
 * The a{sv} of a call, from the options that were typed, and the files that go with it.
 */

/* FLOATING a{sv} of the options in GROUPS; NULL on errors. EXTRA is put in first and consumed, or
 * NULL. */
GVariant *keys_from_options(
        const Options *options, unsigned groups, GVariantDict *extra, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* With --nvram-template: opens it, and adds the key. FILE_FD_NONE without it. RET_FD is to live
 * until the call is made. */
gboolean keys_add_template(
        const Options *options, GVariantDict *dict, FileFd *ret_fd, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* A file's content as the service wants it: in a sealed memfd. "-" is standard input. */
gboolean keys_open_content(const char *filename, FileFd *ret_fd, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
