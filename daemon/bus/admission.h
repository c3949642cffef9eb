/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/state.h"

/*
 * Decides the order in which calls are served. Every method call passes here before libsystemd
 * looks up its object, so that calls of the standard interfaces count as well. The socket is read
 * before work is done. A waiting call takes one of its uid's places, and uids are served round
 * robin. A call without a free place gets LimitsExceeded at once, or is dropped if no reply is
 * wanted.
 *
 * Sets BUS->caller for each call that is served.
 */

/* The connection of BUS must be attached to an event loop. Returns 0 or a negative errno. */
int admission_new(Bus *bus, Admission **ret);
void admission_free(Admission *admission);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Admission, admission_free)
