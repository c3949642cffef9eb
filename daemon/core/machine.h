/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/board.h"
#include "base/file.h"

/*
 * The machine table: all boards, and what is said for a machine type or its alias. Immutable once
 * it is handed out, so it may be shared between threads.
 */

/* A machine type of a question, resolved. Borrows from the table it comes from. */
typedef struct Machine {
    const char *architecture;
    const char *name;      /* what to give to -machine */
    const char *canonical; /* what descriptors' globs are held against */
    const Board *board;    /* NULL: the table does not know it */
} Machine;

typedef struct MachineTable MachineTable;

/* A table file that could not be taken; it left nothing behind. */
typedef struct MachineProblem {
    char *path;
    char *text; /* names the section and the key */
} MachineProblem;

/* Reads all *.conf of DIRECTORIES (least specific first), in the order of their file names; a file
 * takes the place of one with the same name in a less specific directory, an empty one hides it.
 * A directory that is not there or may not be read is empty; what is wrong with a file is a problem.
 * VISITOR may be NULL.
 * Error: FIRMWARE_ERROR_IO, where the system fails. */
MachineTable *machine_table_load(
        const char *const *directories, const FileVisitor *visitor, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
MachineTable *machine_table_ref(MachineTable *table);
void machine_table_unref(MachineTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MachineTable, machine_table_unref)

/* What a QEMU emulator of this host says an alias means; goes before the table's own word. Only
 * while the table is being made. */
void machine_table_add_alias(
        MachineTable *table, const char *architecture, const char *alias, const char *canonical);

/* Of MachineProblem; owned by the table. */
const GPtrArray *machine_table_get_problems(const MachineTable *table);
/* Sorted, none twice; owned by the table. */
const char *const *machine_table_get_architectures(const MachineTable *table);

/* ARCHITECTURE and NAME must live as long as the result. */
Machine machine_table_resolve(
        const MachineTable *table, const char *architecture, const char *name);

/* Calls VISIT with machines that GLOB matches, until it returns FALSE: what the glob itself reads
 * as with its wildcards empty, and each board of the architecture that it matches. */
typedef gboolean (*MachineVisit)(const Machine *machine, gpointer userdata);
void machine_table_visit(
        const MachineTable *table, const char *architecture, const char *glob, MachineVisit visit,
        gpointer userdata);

/* Both give the same answer to every question. */
gboolean machine_table_equal(const MachineTable *a, const MachineTable *b);
