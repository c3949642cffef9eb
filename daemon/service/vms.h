/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/jobs.h"
#include "service/live-catalog.h"
#include "service/vm.h"

/*
 * The table of VMs in the service's store. It changes only on the event loop, when a job is done.
 * The files on disk are authoritative; the table is read from them at the start.
 */

/* The kind of a VM's change. */
typedef enum VMChange {
    VM_CHANGE_ADDED,
    VM_CHANGE_REMOVED, /* reported while the VM is still in the table */
    VM_CHANGE_PIN,
    VM_CHANGE_STATE,
} VMChange;

typedef struct VMsObserver {
    /* PROPERTIES: the changed ones; none for an added or removed VM. */
    void (*changed)(const VM *vm, VMChange change, guint properties, gpointer userdata);
    gpointer userdata;
} VMsObserver;

typedef struct VMs VMs;

/* The live catalog must outlive the result. */
VMs *vms_new(sd_event *event, LiveCatalog *live) G_GNUC_WARN_UNUSED_RESULT;
void vms_free(VMs *vms);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VMs, vms_free)

void vms_set_observer(VMs *vms, const VMsObserver *observer);

/* Opens the store and reads it on a worker thread. LOADED is called on the event loop, with what
 * vms_check() would report: also if the state directory does not answer. If it does answer later,
 * each VM is reported as added. FAULT is FIRMWARE_ERROR_LIMITS_EXCEEDED if another service uses the
 * directory. OPENED is called before LOADED, or later, when vms_check() begins to succeed. */
typedef void (*VMsOpened)(gpointer userdata);
typedef void (*VMsLoaded)(const GError *fault, gpointer userdata);
void vms_load(VMs *vms, VMsOpened opened, VMsLoaded loaded, gpointer userdata);

/* Returns FALSE if the state directory cannot be used: there are no VMs, and none can be
 * created. */
gboolean vms_check(const VMs *vms, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Returns FALSE if OWNER may have a VM with this id that is not in the table, because OWNER's
 * directory could not be read. ID NULL: with any id. */
gboolean vms_check_known(const VMs *vms, uid_t owner, const char *id, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* Returns NULL if vms_check() fails. */
VMStore *vms_get_store(const VMs *vms);
Jobs *vms_get_jobs(const VMs *vms);
/* Jobs that only read the store, queued by the caller's uid. */
Jobs *vms_get_reads(const VMs *vms);

/* Returns NULL if there is no such VM; its pin is NULL if its record cannot be read. Valid until
 * control returns to the event loop. */
const VM *vms_find(const VMs *vms, uid_t owner, const char *id);
/* Returns the VMs with a pin, as const VM sorted by owner and id. */
GPtrArray *vms_list(const VMs *vms) G_GNUC_WARN_UNUSED_RESULT;
void vms_get_usage(const VMs *vms, uid_t owner, guint *ret_n, guint64 *ret_size);

/* Completes OP, whose owner and id are set: the VM's current state (if it exists), the catalog in
 * force, store and digests. */
void vms_begin(const VMs *vms, VMOp *op);
/* Applies the result of an operation to the table, also of a failed one. TRUE: LastPrepared alone
 * differs, and the observer is not told of it until vms_tell_prepared() is called. */
gboolean vms_finish(VMs *vms, const VMOp *op, const VMResult *result) G_GNUC_WARN_UNUSED_RESULT;
void vms_tell_prepared(const VMs *vms, uid_t owner, const char *id);
/* Stores the condition that was read of a VM that exists. */
void vms_set_condition(VMs *vms, uid_t owner, const char *id, const VMCondition *condition);
void vms_remove(VMs *vms, uid_t owner, const char *id);
void vms_rename(VMs *vms, uid_t owner, const char *id, const char *new_id);
