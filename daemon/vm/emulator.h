/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/file.h"
#include "core/machine.h"

/*
 * One QEMU emulator of this host, queried by QMP: its version, its machine types with their
 * aliases, and the optional devices that it lacks.
 */

typedef struct EmulatorType {
    char *name;
    char *alias; /* or NULL */
} EmulatorType;

/* Reference-counted. Immutable after its query, and then shared between threads. */
typedef struct Emulator {
    char *architecture;
    char *path;
    FileStamp stamp; /* of the file that is queried */

    /* The answer. */
    QemuVersion version; /* 0: not told */
    GPtrArray *lacks;    /* of char*: types of qemu.h */
    GPtrArray *types;    /* of EmulatorType; empty: it gave no answer */
    char *fault;         /* why it gave none; NULL: it gave one, or has not been queried */
} Emulator;

/* The emulator in the file PATH. NULL: there is no such file. */
Emulator *emulator_new(const char *architecture, const char *path) G_GNUC_WARN_UNUSED_RESULT;

/* Looks for qemu-system-ARCHITECTURE along $PATH, and calls VISITOR (or NULL) with each place.
 * NULL: the host has none. */
Emulator *emulator_find(const char *architecture, const FileVisitor *visitor)
        G_GNUC_WARN_UNUSED_RESULT;

/* Queries all of EMULATORS (of Emulator) at once, in at most 10 s. The process must ignore
 * SIGPIPE. */
void emulator_ask(const GPtrArray *emulators);

/* Adds a machine type to the answer. ALIAS may be NULL. */
void emulator_add_type(Emulator *emulator, const char *name, const char *alias);

/* Adds the answer to TABLE. */
void emulator_add_to(const Emulator *emulator, MachineTable *table);

gboolean emulator_is_same_file(const Emulator *a, const Emulator *b);

Emulator *emulator_ref(Emulator *emulator);
void emulator_unref(Emulator *emulator);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Emulator, emulator_unref)
