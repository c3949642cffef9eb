/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "output.h"

/* Prints a resolution in the form that --render and --json ask for. */
void render_resolution(const Output *output, const Options *options, GVariant *resolution);

/* The QEMU arguments in RESOLUTION for the form of --render ("qemu", where none was given); NULL
 * where it holds none. */
GStrv render_get_arguments(const Options *options, GVariant *resolution) G_GNUC_WARN_UNUSED_RESULT;
