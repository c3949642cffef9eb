/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * Programs of others, executed by vmfirmware-confine, which is installed with the service:
 * without capabilities, within limits, and, where the kernel has Landlock, with the right to open
 * the code of programs, INPUT and OUTPUT, and nothing else.
 */

#define CONFINE_INPUT "/dev/fd/3"
#define CONFINE_OUTPUT "/dev/fd/4"

typedef struct ConfinedProgram {
    const char *const *arguments; /* the first is an absolute path */
    guint64 max_memory;           /* bytes of address space */
    guint64 max_file_size;        /* bytes of each file that it writes */
    guint max_cpu;                /* seconds */
    int input;                    /* a file that it may open as CONFINE_INPUT; -1: none */
    int output; /* a file that it may open as CONFINE_OUTPUT, to write; -1: none */
} ConfinedProgram;

/* Starts PROGRAM. RET_STDIN, RET_STDOUT and RET_STDERR get the other ends of pipes; where one is
 * NULL, it is /dev/null. *RET_PID is to be ended by confine_end(). Error: G_SPAWN_ERROR. */
gboolean confine_spawn(
        const ConfinedProgram *program, GPid *ret_pid, int *ret_stdin, int *ret_stdout,
        int *ret_stderr, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Kills the program with all that it has started, and waits for it. Returns its status, as
 * waitpid() has it: that of a program that had ended before is its own. */
int confine_end(GPid pid);

/* FALSE: this kernel, or a filter of system calls, refuses Landlock. */
gboolean confine_has_landlock(void);
