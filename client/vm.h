/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "verbs.h"

/* One virtual machine, found by its id and --owner. */

/* The object's path. */
char *vm_find(Context *context, const char *id, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* As connection_call(), of a call that changes something; ARGUMENTS may be floating. */
gboolean vm_call(
        Context *context, const char *id, const char *method, GVariant *arguments, const char *type,
        Reply *ret_reply, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* With --json: {"id": ID}, and "object" where REPLY begins with one. Nothing otherwise: who types
 * a command that works wants the prompt back. */
void vm_tell(Context *context, const char *id, const Reply *reply);
