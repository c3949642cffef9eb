/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/conf-files.h"
#include "core/board.h"

/*
 * The machine table: all boards, and lookup by machine type or alias. Immutable once it is
 * complete, so threads may share it.
 */

/* A machine type from a request, resolved. Borrows from the table. */
typedef struct Machine {
    const char *architecture;
    const char *name;         /* argument of -machine */
    const char *canonical;    /* matched against descriptors' globs */
    QemuVersion qemu;         /* the QEMU that gets the arguments; 0: the newest */
    const char *const *lacks; /* types that it says it lacks; NULL: its version tells */
    const Board *board;       /* NULL: unknown to the table */
} Machine;

typedef struct MachineTable MachineTable;

/* Reads the files of DIRECTORIES as conf_files_load() does. Error: FIRMWARE_ERROR_IO. */
MachineTable *machine_table_load(
        const char *const *directories, const FileVisitor *visitor, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
MachineTable *machine_table_ref(MachineTable *table);
void machine_table_unref(MachineTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MachineTable, machine_table_unref)

/* A machine type that a QEMU emulator of this host has, and its alias or NULL: what the emulator
 * says an alias means goes before the table's own word. Only while the table is being made. */
void machine_table_add_type(
        MachineTable *table, const char *architecture, const char *canonical, const char *alias);

/* Of ConfProblem; owned by the table. */
const GPtrArray *machine_table_get_problems(const MachineTable *table);
/* Sorted, without duplicates; owned by the table. */
const char *const *machine_table_get_architectures(const MachineTable *table);

/* A QEMU emulator of this host, and the types of qemu.h that it lacks. Only while the table is
 * being built. */
void machine_table_add_emulator(
        MachineTable *table, const char *architecture, QemuVersion version,
        const char *const *lacks);

/* ARCHITECTURE and NAME must live as long as the result. */
Machine machine_table_resolve(
        const MachineTable *table, const char *architecture, const char *name);

/* The same for the QEMU of VERSION; 0: the installed one. What another QEMU means by an alias is
 * not known: it is given to it as it is. */
Machine machine_table_resolve_for(
        const MachineTable *table, const char *architecture, const char *name, QemuVersion version);

/* -machine takes pflash0= and pflash1=. A board that the table does not know is newer than those it
 * does. */
gboolean machine_has_pflash_properties(const Machine *machine);

/* NAME is a machine type or an alias of a board of the table or of an emulator. */
gboolean machine_table_knows(const MachineTable *table, const char *architecture, const char *name);
/* Those names that are spelt out somewhere, and not matched by a glob alone: aliases first;
 * each once. Of char*, owned by the table, NULL-terminated. */
GPtrArray *machine_table_list_names(const MachineTable *table, const char *architecture)
        G_GNUC_WARN_UNUSED_RESULT;

/* Calls VISIT with machines that GLOB matches, until it returns FALSE: what the glob itself reads
 * as with its wildcards empty, and each board of the architecture that it matches. */
typedef gboolean (*MachineVisit)(const Machine *machine, gpointer userdata);
void machine_table_visit(
        const MachineTable *table, const char *architecture, const char *glob, MachineVisit visit,
        gpointer userdata);

/* Both tables give the same answers. */
gboolean machine_table_equal(const MachineTable *a, const MachineTable *b);
