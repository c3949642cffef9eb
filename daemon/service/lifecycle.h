/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/live-catalog.h"

/*
 * What goes to and comes from the service manager: readiness, the watchdog, SIGHUP, the end. See
 * sd_notify(3); without a service manager all but SIGHUP is silent.
 */

typedef struct Lifecycle Lifecycle;

/* From here on the watchdog is fed while the loop runs, and SIGHUP reloads MANAGER, which must outlive
 * the result. Before any other thread: they inherit that SIGHUP is blocked. */
int lifecycle_new(sd_event *event, LiveCatalog *live, Lifecycle **ret);
void lifecycle_free(Lifecycle *lifecycle);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Lifecycle, lifecycle_free)

/* The first catalog is in force, and the name is there. */
void lifecycle_set_ready(Lifecycle *lifecycle);
