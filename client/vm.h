/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "verbs.h"

/* A virtual machine, found by its id and --owner. */

/* Returns the object's path. */
char *vm_find(Context *context, const char *id, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The same for a VM whose record cannot be read, which has an object, but is not found. */
char *vm_make_path(Context *context, const char *id, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Like connection_call() with CALL_CHANGE. */
gboolean vm_call(
        Context *context, const char *id, const char *method, GVariant *arguments, const char *type,
        Reply *ret_reply, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* With --json, prints {"id": ID}, and "object" if REPLY begins with one. Otherwise prints nothing:
 * a command that succeeds is silent. */
void vm_tell(Context *context, const char *id, const Reply *reply);
