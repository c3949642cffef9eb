/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/pin.h"

/*
 * The pins of all VMs, counted. Those that are alike borrow their values from one of them, because
 * most VMs of a host have the same firmware.
 */

typedef struct SharedPins SharedPins;

SharedPins *shared_pins_new(void) G_GNUC_WARN_UNUSED_RESULT;
/* Accepts NULL. */
void shared_pins_free(SharedPins *pins);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SharedPins, shared_pins_free)

/* For a VM with PIN: returns PIN, or an equal pin that borrows from the first one of its kind. */
Pin *shared_pins_add(SharedPins *pins, const Pin *pin) G_GNUC_WARN_UNUSED_RESULT;
/* A VM has PIN, of shared_pins_add(), no more. */
void shared_pins_remove(SharedPins *pins, const Pin *pin);
