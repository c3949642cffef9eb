/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Values of the bus as people and JSON want them. */

/* VALUE of the property or key NAME in words, a line each, at least one; "-" for a list of
 * nothing. */
GStrv value_to_lines(const char *name, GVariant *value) G_GNUC_WARN_UNUSED_RESULT;

/* The properties of an object (a{sv}) under the names that JSON has: in lower case with hyphens
 * (InterfaceTypes: interface-types), structures with named members. Not floating. */
GVariant *value_from_properties(GVariant *properties) G_GNUC_WARN_UNUSED_RESULT;

/* An a(…) as an array of objects with these member names. Floating. */
GVariant *value_name_members(GVariant *array, const char *const *names) G_GNUC_WARN_UNUSED_RESULT;
