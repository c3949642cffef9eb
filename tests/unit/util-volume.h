/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Puts the header of a firmware volume of LENGTH bytes. */
void test_put_volume(guint8 *header, gboolean is_of_variables, guint64 length);

/* Makes NAME in DIR: a raw image of SIZE bytes with a firmware volume of LENGTH bytes at each of
 * the offsets of VOLUMES: "v" for a variable store, "c" for code, as in "v0 c131072"; all else is
 * FILL. */
void test_write_volumes(
        const char *dir, const char *name, gsize size, guint8 fill, const char *volumes,
        guint64 length);

/* Puts OVMF's table of GUIDs at the end of the SIZE bytes of IMAGE: an entry for each letter of
 * ENTRIES: "s" SEV metadata, "t" TDX metadata, "x" another. */
void test_put_guid_table(guint8 *image, gsize size, const char *entries);
