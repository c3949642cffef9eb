/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/live-catalog.h"
#include "service/sd-cleanup.h"
#include "service/vms.h"

typedef struct Admission Admission;

/* The state that the modules of this floor share. */
typedef struct Bus {
    sd_bus *connection;
    sd_bus *questions; /* to the bus itself */
    LiveCatalog *live;
    VMs *vms;
    Admission *admission;
    guint64 n_calls;      /* that were served */
    guint64 n_refused;    /* calls that were refused before they began */
    guint64 n_operations; /* on the files of VMs */
    uid_t caller;         /* of the call that is being served: see admission.h */
    GPtrArray *places;    /* of Place, for calls that are answered later */
    GPtrArray *reloads;   /* waiting calls of Reload: see reload.c */
    GPtrArray *calls;     /* of VMCall, waiting for polkit: see vm-call.c */
    GPtrArray *exports;   /* running exports: see export.c */
} Bus;
