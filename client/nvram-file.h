/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/vocab.h"
#include "verbs.h"

/* An NVRAM file of the caller's, looked at with the rights of the calling user. */

/* The format that --OPTION gives, or else the one that the first bytes of the file tell. */
gboolean nvram_file_find_format(
        const Options *options, const char *option, const char *path, int fd, ImageFormat *ret,
        GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Adds size and format of the file of --nvram to the requirements in KEYS, if it exists and can be
 * read. Options that say otherwise take precedence. */
gboolean nvram_file_add_requirements(const Context *context, GVariantDict *keys, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* Fails if the file of --nvram is one of the images in RESOLUTION, by any path. */
gboolean nvram_file_check(const Context *context, GVariant *resolution, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
