/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/jobs.h"
#include "service/live-catalog.h"
#include "vm/vm-ops.h"

/*
 * The table of VMs that the service keeps state for. It changes on the event loop alone, when a job
 * is done; the files on disk are the truth, and it is read from them at the start.
 */

typedef struct VM {
    uid_t owner;
    char *id;
    Pin *pin;
    guint64 size;       /* bytes of all its files */
    GPtrArray *changed; /* of static strings: see VMOp */
    gboolean is_gone;   /* its firmware is */
    guint n_assessed;   /* how often these two were found out */
} VM;

/* What of a VM changed. */
typedef enum VMChange {
    VM_CHANGE_ADDED,
    VM_CHANGE_REMOVED, /* told while it is still there */
    VM_CHANGE_PIN,
    VM_CHANGE_STATE,
} VMChange;

/* Its properties that can change with the pin, or for VM_CHANGE_STATE. */
typedef enum VMProperty {
    VM_PROPERTY_ARCHITECTURE = 1 << 0,
    VM_PROPERTY_MACHINE = 1 << 1,
    VM_PROPERTY_FIRMWARE = 1 << 2,
    VM_PROPERTY_NVRAM = 1 << 3,
    VM_PROPERTY_STATE = 1 << 4,
    VM_PROPERTY_EXECUTABLE_DIGEST = 1 << 5,
    VM_PROPERTY_TEMPLATE_DIGEST = 1 << 6,
} VMProperty;

typedef struct VMsObserver {
    /* PROPERTIES: those that differ, none where it was added or removed. */
    void (*changed)(const VM *vm, VMChange change, guint properties, gpointer userdata);
    gpointer userdata;
} VMsObserver;

typedef struct VMs VMs;

/* Opens the store and reads it: waits for the disk. The live catalog must outlive the result. */
VMs *vms_new(sd_event *event, LiveCatalog *live, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void vms_free(VMs *vms);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VMs, vms_free)

void vms_set_observer(VMs *vms, const VMsObserver *observer);

VMStore *vms_get_store(const VMs *vms);
DigestCache *vms_get_digests(const VMs *vms);
Jobs *vms_get_jobs(const VMs *vms);

/* NULL where there is none. Good until control returns to the event loop. */
const VM *vms_find(const VMs *vms, uid_t owner, const char *id);
/* Of const VM, sorted by owner and id. */
GPtrArray *vms_list(const VMs *vms) G_GNUC_WARN_UNUSED_RESULT;
void vms_get_usage(const VMs *vms, uid_t owner, guint *ret_n, guint64 *ret_size);

/* What a job did: the VM is pinned so, its files have SIZE bytes. PIN and CHANGED (NULL: not known)
 * are taken over by reference. */
void vms_put(
        VMs *vms, uid_t owner, const char *id, const Pin *pin, guint64 size, GPtrArray *changed,
        gboolean is_gone);
/* The VM's files are others now. */
void vms_touch(VMs *vms, uid_t owner, const char *id, guint64 size);
void vms_remove(VMs *vms, uid_t owner, const char *id);
void vms_rename(VMs *vms, uid_t owner, const char *id, const char *new_id);

/* Holds all pins against the catalog that is in force now, beside the event loop. */
void vms_assess_all(VMs *vms);
