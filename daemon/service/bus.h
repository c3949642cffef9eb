/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "manager.h"
#include "sd-cleanup.h"
#include "vms.h"

/*
 * The service on a bus: its objects, and the signals that go with each published catalog. Each
 * file bus-*.c serves one interface: it reads, validates, authorises, acts and replies, and
 * decides nothing.
 */

typedef struct Bus Bus;

/* Adds all objects to CONNECTION and observes MANAGER and VMS, which must outlive the result; the
 * manager must have a catalog: anyone can call a connection that has no name yet. Returns 0
 * or a negative errno. */
int bus_new(sd_bus *connection, Manager *manager, VMs *vms, Bus **ret);
void bus_free(Bus *bus);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Bus, bus_free)
