/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/emulator.h"

/*
 * The answers of installed QEMUs in $XDG_CACHE_HOME/vmfirmwared: one file for each architecture,
 * which holds for one state of one QEMU and for this version of the program. It can be deleted at
 * any time.
 */

/* Adds the kept answer to EMULATOR. FALSE: there is none for this file. */
gboolean emulator_file_read(Emulator *emulator);

/* Keeps an answer, if the cache can be written. */
void emulator_file_write(const Emulator *emulator);
