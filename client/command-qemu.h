/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/emulator.h"

/*
 * The QEMU that is the command of run. If it is not the one that the service knows, it is queried
 * here, as the calling user, who is about to start it.
 */

/* Returns the queried emulator of the program PATH. NULL: PATH is no QEMU by its name, or is the
 * installed one, or does not answer, which is reported on standard error. */
Emulator *command_qemu_ask(const char *path, const char *architecture) G_GNUC_WARN_UNUSED_RESULT;

/* Returns the machine type that the emulator means by the alias MACHINE, or MACHINE. */
const char *command_qemu_get_machine(const Emulator *emulator, const char *machine);

/* Returns the device or object in ARGUMENTS that the emulator lacks, or NULL. */
const char *command_qemu_find_lacking(const Emulator *emulator, char *const *arguments);
