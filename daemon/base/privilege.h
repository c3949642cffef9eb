/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/types.h>

/*
 * The right to open files of any owner. The process keeps it, but no thread has it in force except
 * inside a scope of PrivilegeScope. A process without such a right has nothing to lower or raise.
 */

/* Takes the right from the calling thread, and capabilities from the programs that it executes.
 * Call it before the first thread is made: threads inherit from the thread that makes them. A
 * process of uid 0 then opens files as nobody, because root's own files are open to uid 0 without
 * any capability. Returns 0 or a negative errno: the thread may still have the right. */
int privilege_lower(void) G_GNUC_WARN_UNUSED_RESULT;

/* Programs that are executed get no capabilities by way of the ambient set. */
void privilege_keep_from_programs(void);

/* The uid as which the calling thread opens files. */
uid_t privilege_get_uid(void);

/* Has the right in force for the calling thread until the end of the scope:
 *
 *     PRIVILEGE_SCOPE(scope);
 *
 * Scopes nest. A new thread inherits it: make none inside a scope. */
typedef enum PrivilegeScope {
    PRIVILEGE_AS_BEFORE, /* nothing is lowered, or a scope around this one has raised it */
    PRIVILEGE_CAPABILITIES,
    PRIVILEGE_UID,
} PrivilegeScope;
PrivilegeScope privilege_raise(void) G_GNUC_WARN_UNUSED_RESULT;
void privilege_restore(PrivilegeScope scope);
G_DEFINE_AUTO_CLEANUP_FREE_FUNC(PrivilegeScope, privilege_restore, PRIVILEGE_AS_BEFORE)

#define PRIVILEGE_SCOPE(name) G_GNUC_UNUSED g_auto(PrivilegeScope) name = privilege_raise()
