/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "output.h"

/* Prints a resolution in the form that --render and --json ask for. */
void render_resolution(const Output *output, const Options *options, GVariant *resolution);

/* Returns RESOLUTION's QEMU arguments in the form of --render (default "qemu"); NULL: it has
 * none. */
GStrv render_get_arguments(const Options *options, GVariant *resolution) G_GNUC_WARN_UNUSED_RESULT;
