/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/file.h"
#include "core/machine.h"

/*
 * Which machine types the QEMU emulators of this host mean by their aliases. Each is asked once,
 * by QMP, and again when its file has changed, or, if it gave no answer, when asked to. An emulator
 * that is not there, or gives no answer, is no error: the machine table has a word of its own for
 * each alias.
 */

typedef struct EmulatorCache EmulatorCache;

EmulatorCache *emulator_cache_new(void) G_GNUC_WARN_UNUSED_RESULT;
void emulator_cache_free(EmulatorCache *cache);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EmulatorCache, emulator_cache_free)

/* Adds to TABLE the aliases of all its architectures. Looks for qemu-system-ARCHITECTURE along
 * $PATH, in places that VISITOR (or NULL) is told of. Waits for the emulators, 10 s at the most: not
 * for the event loop. */
void emulator_add_aliases(
        EmulatorCache *cache, MachineTable *table, gboolean ask_again, const FileVisitor *visitor);
