/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/task.h"
#include "vm/shared-pins.h"
#include "vm/vmstore.h"

/*
 * Opens the store, reads the record of each VM and gives files back to their owners, on a worker
 * thread, because the state directory
 * may be on a file system that does not answer.
 */

/* The start waits for the state directory, and then perhaps for an image as well. */
#define VM_LOAD_STALL_SEC 2

typedef struct LoadedVM {
    uid_t owner;
    char *id;              /* NULL: the owner's directory cannot be read to its end */
    Pin *pin;              /* of PINS, or: */
    char *fault;           /* why the record cannot be read */
    guint64 size;          /* bytes of all files */
    guint64 last_prepared; /* µs since the epoch */
} LoadedVM;

typedef struct VMLoad {
    GPtrArray *vms; /* of LoadedVM, when it is done */
    SharedPins *pins;

    /* private */
    char *directory;
    VMStore *store;
    GError *fault;
    uid_t former;          /* see vm/vm-owner.h */
    gboolean is_misplaced; /* a file is to be given back */
    void (*done)(gpointer userdata);
    gboolean (*stalled)(gpointer userdata);
    gpointer userdata;
    Task *task;
} VMLoad;

/* The callbacks are those of a task. */
VMLoad *vm_load_new(
        const char *directory, void (*done)(gpointer userdata),
        gboolean (*stalled)(gpointer userdata), gpointer userdata) G_GNUC_WARN_UNUSED_RESULT;
void vm_load_start(VMLoad *load, sd_event *event);
/* Waits for the thread. Accepts NULL. */
void vm_load_free(VMLoad *load);

/* When it is done: returns the store, or NULL with RET_FAULT. */
VMStore *vm_load_take(VMLoad *load, GError **ret_fault) G_GNUC_WARN_UNUSED_RESULT;
