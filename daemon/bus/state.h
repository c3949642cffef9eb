/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/live-catalog.h"
#include "service/sd-cleanup.h"
#include "service/vms.h"

/* What the modules of this floor share. */
typedef struct Bus {
    sd_bus *connection;
    LiveCatalog *live;
    VMs *vms;
    GHashTable *unfinished; /* uid -> number of its calls: see admission.c */
    guint n_unfinished;
    GPtrArray *reloads; /* calls of Reload that wait: see reload.c */
    GPtrArray *calls;   /* of VMCall that wait for polkit: see vm-call.c */
    GPtrArray *exports; /* running ones: see export.c */
} Bus;
