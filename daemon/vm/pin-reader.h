/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/pin.h"

/*
 * Reads many records. Most differ in the first lines alone, "created" and "reference": the rest is
 * parsed once, and shared.
 */

typedef struct PinReader PinReader;

PinReader *pin_reader_new(void) G_GNUC_WARN_UNUSED_RESULT;
void pin_reader_free(PinReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PinReader, pin_reader_free)

/* As pin_from_json(). */
Pin *pin_reader_read(PinReader *reader, GBytes *record, GError **error) G_GNUC_WARN_UNUSED_RESULT;
