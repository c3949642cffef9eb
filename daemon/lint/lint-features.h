/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/descriptor.h"
#include "core/image.h"
#include "lint/lint-finding.h"

/*
 * Checks whether the features of a descriptor can be true: of its mapping, and of its executable.
 */

void lint_features(GPtrArray *findings, const char *path, const Descriptor *descriptor);

/* Compares the features with the executable, of the status OK. FALSE: the system failed. */
gboolean lint_feature_claims(
        GPtrArray *findings, const char *path, const Descriptor *descriptor, const ImageInfo *info,
        GError **error) G_GNUC_WARN_UNUSED_RESULT;
