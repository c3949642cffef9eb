/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/state.h"

/*
 * Which call is served when. Every method call passes here before libsystemd looks for its object,
 * so that the standard interfaces count, too. The socket is read before work is done; a call that
 * has to wait takes one of the places of its uid, and uids are served round robin. A call that
 * finds no place is answered with LimitsExceeded at once, or dropped where no reply is wanted.
 *
 * Sets BUS->caller for each call that is served.
 */

/* The connection of BUS must be attached to an event loop. Returns 0 or a negative errno. */
int admission_new(Bus *bus, Admission **ret);
void admission_free(Admission *admission);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Admission, admission_free)
