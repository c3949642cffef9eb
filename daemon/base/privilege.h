/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/types.h>

/*
 * The right to open files of any owner. The process keeps the right, but it is in force on a thread
 * only inside a PrivilegeScope. A process without the right has nothing to lower or raise.
 */

/* Lowers the right on the calling thread, and keeps capabilities from the programs it executes.
 * Call it before the first thread is created: a thread inherits from its creator. A process of uid
 * 0 then opens files as nobody, because uid 0 can open root's own files without any capability.
 * Returns 0 or a negative errno; after a failure the thread may still have the right. */
int privilege_lower(void) G_GNUC_WARN_UNUSED_RESULT;

/* Clears the ambient set, so that executed programs inherit no capabilities. */
void privilege_keep_from_programs(void);

/* Returns the uid with which the calling thread opens files. */
uid_t privilege_get_uid(void);

/* Puts the right in force on the calling thread until the end of the scope:
 *
 *     PRIVILEGE_SCOPE(scope);
 *
 * Scopes nest. A new thread inherits the right: create none inside a scope. */
typedef enum PrivilegeScope {
    PRIVILEGE_AS_BEFORE, /* never lowered, or raised by an enclosing scope */
    PRIVILEGE_CAPABILITIES,
    PRIVILEGE_UID,
} PrivilegeScope;
PrivilegeScope privilege_raise(void) G_GNUC_WARN_UNUSED_RESULT;
void privilege_restore(PrivilegeScope scope);
G_DEFINE_AUTO_CLEANUP_FREE_FUNC(PrivilegeScope, privilege_restore, PRIVILEGE_AS_BEFORE)

#define PRIVILEGE_SCOPE(name) G_GNUC_UNUSED g_auto(PrivilegeScope) name = privilege_raise()
