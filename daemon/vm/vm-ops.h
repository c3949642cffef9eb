/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/digest-cache.h"
#include "core/selection.h"
#include "vm/vmdraft.h"

/*
 * What is done to a VM's files, on a job's thread: reads, decides against the pin, builds aside,
 * publishes. Nothing here touches the event loop or the table of VMs.
 */

/* All that an operation works on. What it makes is the caller's to free. */
typedef struct VMOp {
    /* in; borrowed but for the catalog, which must live as long */
    VMStore *store;
    DigestCache *digests;
    const Catalog *catalog;
    const char *const *host_features;
    uid_t owner;
    const char *id;
    const Pin *pin; /* of the VM as it is; NULL for a new one */
    const Request *request;
    const CatalogFile *file; /* chosen, for a pin to be made */
    Machine machine;         /* asked for */
    int source;              /* the caller's memfd; -1: none */
    uid_t new_owner;
    const char *new_id;
    guint64 max_size; /* bytes that the owner may still take; 0: no limit */

    /* out */
    Pin *new_pin; /* the VM is pinned to this now */
    Resolution *resolution;
    GPtrArray *changed; /* of static strings: see vm_op_assess() */
    gboolean is_gone;   /* the firmware is, and nothing replaces it */
    char *nearest;      /* what comes nearest to replacing it, for an error's text */
    gboolean is_created;
    FileFd lease;
    FileFd nvram;
    guint64 nvram_size; /* bytes of the file that NVRAM is */
    guint64 size;       /* bytes of all files that the VM has now */
} VMOp;

/* vm-assess.c: the answer that PIN gives, with the path of the VM's own file. */
void vm_op_answer(VMOp *op, const Pin *pin);

/* What is no longer as it was pinned: "descriptor", "executable", "nvram-template", "replaced";
 * and the answer that holds now. TRUE also where the firmware is gone. */
gboolean vm_op_assess(VMOp *op, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Sets SIZE, after an operation. */
void vm_op_measure(VMOp *op);

/* Looks at the VM's NVRAM file as its owner left it. Errors: FIRMWARE_ERROR_NVRAM_MISSING,
 * _NVRAM_MISMATCH, _IMAGE_UNUSABLE, _NVRAM_IN_USE (a file lease on it). */
gboolean vm_op_check_nvram(
        const VMStore *store, uid_t owner, const char *id, const Pin *pin, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* One each for what the contract has. All take the lease for their time where the contract says
 * that a held one stops them. */
gboolean vm_op_create(VMOp *op, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean vm_op_prepare(VMOp *op, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean vm_op_acquire(VMOp *op, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean vm_op_open_nvram(VMOp *op, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean vm_op_reset(VMOp *op, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean vm_op_import(VMOp *op, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean vm_op_rebind(VMOp *op, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean vm_op_clone(VMOp *op, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean vm_op_rename(VMOp *op, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean vm_op_export(VMOp *op, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean vm_op_remove(VMOp *op, GError **error) G_GNUC_WARN_UNUSED_RESULT;
