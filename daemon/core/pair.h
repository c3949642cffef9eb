/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/descriptor.h"
#include "core/image.h"

/*
 * Whether UEFI code and the template of its variables can belong together. With a bad pair a guest
 * hangs without a word, or never stores its variables.
 */

/* Adds to REASONS (of char*) each proof against the images of DESCRIPTOR: bad-pair:PATH: text. An
 * image of unknown content proves nothing. The images have the status OK. TRUE: there is none. */
gboolean pair_check(const Descriptor *descriptor, const FirmwareImages *images, GPtrArray *reasons);
