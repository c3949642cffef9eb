/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/jobs.h"
#include "service/live-catalog.h"
#include "vm/vm-op.h"

/*
 * The table of VMs that the service keeps state for. It changes on the event loop alone, when a job
 * is done; the files on disk are the truth, and it is read from them at the start.
 */

typedef struct VM {
    uid_t owner;
    char *id;
    Pin *pin;
    char *fault;           /* why the record cannot be read: then PIN is NULL */
    guint64 size;          /* bytes of all its files */
    guint differences;     /* VMDifference, or-ed */
    guint n_assessed;      /* how often they were found out */
    VMCondition condition; /* as it was last read */
    const VMStore *store;  /* borrowed */
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

/* Opens the store and reads it: waits for the disk. The live catalog must outlive the result. A
 * state directory that cannot be used is reported by vms_check(). Error:
 * FIRMWARE_ERROR_LIMITS_EXCEEDED, another service has it. */
VMs *vms_new(sd_event *event, LiveCatalog *live, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void vms_free(VMs *vms);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VMs, vms_free)

void vms_set_observer(VMs *vms, const VMsObserver *observer);

/* FALSE: there are no VMs, and none can be made, for the state directory cannot be used. */
gboolean vms_check(const VMs *vms, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* NULL where vms_check() fails. */
VMStore *vms_get_store(const VMs *vms);
Jobs *vms_get_jobs(const VMs *vms);
/* Jobs that only read the store, queued by the uid that asks. */
Jobs *vms_get_reads(const VMs *vms);

/* NULL where there is none; its pin is NULL where its record cannot be read. Good until control
 * returns to the event loop. */
const VM *vms_find(const VMs *vms, uid_t owner, const char *id);
/* Of const VM with a pin, sorted by owner and id. */
GPtrArray *vms_list(const VMs *vms) G_GNUC_WARN_UNUSED_RESULT;
void vms_get_usage(const VMs *vms, uid_t owner, guint *ret_n, guint64 *ret_size);

/* Completes OP, which names its owner and id: the VM as it is (if there is one), the catalog in
 * force, store and digests. */
void vms_begin(const VMs *vms, VMOp *op);
/* Takes over what an operation did or found out; also of one that failed. */
void vms_finish(VMs *vms, const VMOp *op, const VMResult *result);
/* What was read of a VM that there is. */
void vms_set_condition(VMs *vms, uid_t owner, const char *id, const VMCondition *condition);
void vms_remove(VMs *vms, uid_t owner, const char *id);
void vms_rename(VMs *vms, uid_t owner, const char *id, const char *new_id);
