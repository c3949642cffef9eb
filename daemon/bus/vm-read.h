/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/place.h"

/*
 * A call that reads the condition of VMs. State and InUse depend on files that other processes
 * change, so a worker thread reads the files for each call. Callers are served round robin.
 */

typedef struct VMRead VMRead;

struct VMRead {
    Bus *bus;
    sd_bus_message *message;
    uid_t caller;

    /* which VMs to read */
    gboolean all;
    uid_t owner;
    char *id;             /* NULL: all VMs of OWNER */
    const char *property; /* borrowed; NULL: all properties */

    /* Replies, after the table has the condition of each VM. */
    int (*reply)(const VMRead *read, sd_bus_error *ret_error);

    Place *place;         /* NULL: the caller has left the bus, or the call is abandoned */
    GPtrArray *views;     /* of the VMs whose condition is not known yet */
    gboolean is_repeated; /* for VMs that changed meanwhile */
    KnownCertificates *known;
};

VMRead *bus_vm_read_new(
        Bus *bus, sd_bus_message *message,
        int (*reply)(const VMRead *read, sd_bus_error *ret_error));
/* Takes ownership of READ, whose arguments are set. Returns 1, or a negative errno with
 * RET_ERROR. */
int bus_vm_read_begin(VMRead *read, sd_bus_error *ret_error);
gboolean bus_vm_read_wants(const VMRead *read, const VM *vm);
