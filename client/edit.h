/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "verbs.h"

/*
 * A change of the variables of a virtual machine or of a file: tried first, shown, and made when
 * the user agrees.
 */

/* Returns a change of the contract. The value of a key is consumed if it is floating. */
typedef struct EditKey {
    const char *key;
    GVariant *value; /* NULL: not given */
} EditKey;
GVariant *edit_make_change(const char *kind, const EditKey *keys) G_GNUC_WARN_UNUSED_RESULT;

/* Makes CHANGES, an aa{sv} that is consumed if it is floating, on ARGUMENT: an id, or without a
 * connection a file. */
gboolean edit_run(Context *context, const char *argument, GVariant *changes, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* Asks on the terminal; TRUE with --yes. Without a terminal it is an error. */
gboolean edit_confirm(const Context *context, const char *question, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
