/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/live-catalog.h"
#include "service/sd-cleanup.h"
#include "service/vms.h"

typedef struct Admission Admission;

/* What the modules of this floor share. */
typedef struct Bus {
    sd_bus *connection;
    LiveCatalog *live;
    VMs *vms;
    Admission *admission;
    uid_t caller;       /* of the call that is being served: see admission.h */
    GPtrArray *places;  /* of Place, of calls that are answered later */
    GPtrArray *reloads; /* calls of Reload that wait: see reload.c */
    GPtrArray *calls;   /* of VMCall that wait for polkit: see vm-call.c */
    GPtrArray *exports; /* running ones: see export.c */
} Bus;
