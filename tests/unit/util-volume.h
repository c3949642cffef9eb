/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Makes NAME in DIR: a raw image of SIZE bytes with a firmware volume of LENGTH bytes at each of
 * the offsets of VOLUMES: "v" for a variable store, "c" for code, as in "v0 c131072"; all else is
 * FILL. */
void test_write_volumes(
        const char *dir, const char *name, gsize size, guint8 fill, const char *volumes,
        guint64 length);
