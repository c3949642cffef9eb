/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/file.h"
#include "core/machine.h"

/*
 * The machine types, and their aliases, of the QEMU emulators of this host. A worker thread queries
 * each emulator once by QMP, again when its file has changed, and on demand if it gave no answer. A
 * missing emulator or answer is not an error: the machine table has a default for each alias.
 */

typedef struct EmulatorCache EmulatorCache;

/* CHANGED is called on the event loop, when there are new answers, or when the wait for missing
 * answers has ended. */
EmulatorCache *emulator_cache_new(
        sd_event *event, void (*changed)(gpointer userdata), gpointer userdata)
        G_GNUC_WARN_UNUSED_RESULT;
/* Waits at most 10 s for running queries. */
void emulator_cache_free(EmulatorCache *cache);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EmulatorCache, emulator_cache_free)

/* Returns a reference to all answers so far. The table is immutable, and valid on every thread. */
GHashTable *emulator_cache_get_answers(const EmulatorCache *cache) G_GNUC_WARN_UNUSED_RESULT;

/* Queries EMULATORS, which emulator_cache_add_types() returned. Does nothing while other queries
 * run. */
void emulator_cache_ask(EmulatorCache *cache, GPtrArray *emulators);
/* Returns TRUE if queries run and CHANGED has not been called since their start. */
gboolean emulator_cache_is_awaited(const EmulatorCache *cache);

/* Adds to TABLE the machine types of all its architectures from ANSWERS. Looks for
 * qemu-system-ARCHITECTURE along $PATH, and calls VISITOR (or NULL) with each place. Returns the
 * emulators that have not been queried and, with ASK_AGAIN, those without an answer. Can run on any
 * thread. */
GPtrArray *emulator_cache_add_types(
        GHashTable *answers, MachineTable *table, gboolean ask_again, const FileVisitor *visitor)
        G_GNUC_WARN_UNUSED_RESULT;
