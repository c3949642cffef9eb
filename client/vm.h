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

/* Returns TRUE if the NVRAM in an answer has just been made, and enforces Secure Boot. */
gboolean vm_has_new_keys(GVariant *resolution) G_GNUC_WARN_UNUSED_RESULT;

/* Returns a command line for a shell: VERB, with its options, on the virtual machine ID of whom
 * OPTIONS ask, or in that directory. OWNER may be NULL; WORDS, each after a space, may be "". */
char *vm_make_command(
        const Options *options, const char *verb, const char *owner, const char *id,
        const char *words) G_GNUC_WARN_UNUSED_RESULT;

/* Warns of certificates that have expired in the variables that have just been made. OBJECT is its
 * path, or NULL. */
void vm_warn_expired(Context *context, const char *id, const char *object);

/* With --json, prints {"id": ID}, and "object" if REPLY begins with one. Otherwise prints nothing:
 * a command that succeeds is silent. */
void vm_tell(Context *context, const char *id, const Reply *reply);
