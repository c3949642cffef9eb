/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/file.h"
#include "core/machine.h"

/*
 * Which machine types the QEMU emulators of this host mean by their aliases. Each is asked once by
 * QMP, on a worker thread, and again when its file has changed, or on demand if it gave no answer.
 * An emulator that is missing or gives no answer is no error: the machine table has a default for
 * each alias.
 */

typedef struct EmulatorCache EmulatorCache;

/* CHANGED is called on the event loop: there are new answers, or those that are missing are no
 * longer worth waiting for. */
EmulatorCache *emulator_cache_new(
        sd_event *event, void (*changed)(gpointer userdata), gpointer userdata)
        G_GNUC_WARN_UNUSED_RESULT;
/* Waits for the emulators that are asked, 10 s at most. */
void emulator_cache_free(EmulatorCache *cache);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EmulatorCache, emulator_cache_free)

/* All answers so far, as a reference: immutable, and good on every thread. */
GHashTable *emulator_cache_get_answers(const EmulatorCache *cache) G_GNUC_WARN_UNUSED_RESULT;

/* Asks EMULATORS, which emulator_add_aliases() returned; none while others are asked. */
void emulator_cache_ask(EmulatorCache *cache, GPtrArray *emulators);
/* Emulators are asked, and CHANGED has not been called since. */
gboolean emulator_cache_is_awaited(const EmulatorCache *cache);

/* Adds to TABLE the aliases of all its architectures that are among ANSWERS. Looks for
 * qemu-system-ARCHITECTURE along $PATH, and calls VISITOR (or NULL) with each place. Returns the
 * emulators that have not been asked, and with ASK_AGAIN those that gave no answer. On any thread.
 * */
GPtrArray *emulator_add_aliases(
        GHashTable *answers, MachineTable *table, gboolean ask_again, const FileVisitor *visitor)
        G_GNUC_WARN_UNUSED_RESULT;
