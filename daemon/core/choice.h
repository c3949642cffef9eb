/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/selection.h"

/*
 * The firmware for a request, or the text why there is none. Pure.
 */

/* Returns the first usable firmware that passes; owned by the catalog. Error:
 * FIRMWARE_ERROR_NO_MATCHING_FIRMWARE, with the nearest candidates and the reasons against each. */
const CatalogFile *choice_find(const SelectionInput *input, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
