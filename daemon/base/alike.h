/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * The known word that somebody meant who wrote another one.
 */

/* "; did you mean "KNOWN"?" with the nearest of KNOWN (NULL-terminated), or "" where none is near.
 * Case does not count, and an underscore or a blank is a hyphen. */
char *alike_hint(const char *word, const char *const *known) G_GNUC_WARN_UNUSED_RESULT;

/* That word alone, or NULL. */
const char *alike_find(const char *word, const char *const *known);
