/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/live-catalog.h"

/*
 * The protocol of the service manager: readiness, watchdog, SIGHUP, end. See sd_notify(3). Without
 * a service manager only SIGHUP has an effect.
 */

typedef struct Lifecycle Lifecycle;

/* Feeds the watchdog while the loop runs, and reloads LIVE, which must outlive the result, on
 * SIGHUP. Call it before there are threads, which inherit that SIGHUP is blocked. Returns 0 or a
 * negative errno. */
int lifecycle_new(sd_event *event, LiveCatalog *live, Lifecycle **ret);
void lifecycle_free(Lifecycle *lifecycle);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Lifecycle, lifecycle_free)

/* Reports readiness: the first catalog is in force, and the service owns its name. */
void lifecycle_set_ready(Lifecycle *lifecycle);
