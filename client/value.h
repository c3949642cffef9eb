/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* D-Bus values converted for people and for JSON. */

/* Converts VALUE of the property or key NAME to lines of text, at least one; "-" for an empty
 * list. */
GStrv value_to_lines(const char *name, GVariant *value) G_GNUC_WARN_UNUSED_RESULT;

/* Converts an object's properties (a{sv}) to the names of JSON, in lower case with hyphens
 * (InterfaceTypes: interface-types), and structures to named members. Not floating. */
GVariant *value_from_properties(GVariant *properties) G_GNUC_WARN_UNUSED_RESULT;

/* Converts an a(…) to an array of objects with these member names. Floating. */
GVariant *value_name_members(GVariant *array, const char *const *names) G_GNUC_WARN_UNUSED_RESULT;
