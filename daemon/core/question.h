/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/resolution.h"
#include "core/selection.h"

/*
 * The questions of a caller that need more than one module. The service and the client that answers
 * by itself decide nothing beyond these.
 */

/* Returns the answer for the firmware that is chosen. Error:
 * FIRMWARE_ERROR_NO_MATCHING_FIRMWARE. */
Resolution *question_select(const SelectionInput *input, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Returns the firmware of this name; owned by the catalog. Error:
 * FIRMWARE_ERROR_NO_SUCH_FIRMWARE, whose text may suggest a name. */
const CatalogFile *question_find_firmware(const Catalog *catalog, const char *name, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
