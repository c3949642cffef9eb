/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/live-catalog.h"
#include "service/sd-cleanup.h"
#include "service/vms.h"

/*
 * The service on a bus: its objects, and the signals that follow each published catalog. Each file
 * of this floor serves one interface: it reads, validates, authorises, acts and replies, and
 * decides nothing.
 */

typedef struct Bus Bus;

/* Adds all objects to CONNECTION and observes LIVE and VMS, which must outlive the result. The live
 * catalog must exist already: a connection without a name also receives calls. QUESTIONS is another
 * connection to the same bus: what the bus reports there does not wait behind queued calls. Returns
 * 0 or a negative errno. */
int bus_new(sd_bus *connection, sd_bus *questions, LiveCatalog *live, VMs *vms, Bus **ret);
void bus_free(Bus *bus);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Bus, bus_free)
