/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/selection.h"
#include "vm/digest-cache.h"
#include "vm/vmstore.h"

/*
 * One operation on a VM: the question and its result. Both are plain values.
 */

/* What no longer holds of a pin. */
typedef enum VMDifference {
    VM_DIFFERENCE_DESCRIPTOR = 1 << 0,
    VM_DIFFERENCE_EXECUTABLE = 1 << 1,
    VM_DIFFERENCE_NVRAM_TEMPLATE = 1 << 2,
    VM_DIFFERENCE_REPLACED = 1 << 3, /* an equivalent firmware stands in */
    VM_DIFFERENCE_GONE = 1 << 4,     /* the VM cannot start: no equivalent is installed */
} VMDifference;

/* The contract's words for DIFFERENCES (static strings); none for VM_DIFFERENCE_GONE, which is an
 * error or a state. */
GPtrArray *vm_differences_to_words(guint differences) G_GNUC_WARN_UNUSED_RESULT;

/* The question. Complete before the operation runs, and const from then on. */
typedef struct VMOp {
    /* borrowed */
    VMStore *store;
    DigestCache *digests;

    /* owned */
    Catalog *catalog;
    GStrv host_features;
    uid_t owner;
    char *id;
    uid_t new_owner; /* of the VM that is the result: Clone's, else OWNER */
    char *new_id;    /* its id: Clone's and Rename's; NULL: ID */
    Request *request;
    FileFd source; /* the caller's memfd; -1: none */

    /* the VM as it is; NULL and 0 for a new one */
    Pin *pin;
    char *fault; /* why its record cannot be read: then PIN is NULL */
    guint differences;

    /* what policy.h decides */
    const CatalogFile *file; /* of the catalog, for a pin to be made */
    Machine machine;         /* borrows from REQUEST and the catalog */
    guint64 max_size;        /* bytes that the owner may still take; 0: no limit */
} VMOp;

#define VM_OP_INIT             \
    (VMOp) {                   \
        .source = FILE_FD_NONE \
    }

void vm_op_clear(VMOp *op);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(VMOp, vm_op_clear)

/* Opens an image for the VM's owner. Returns 0 or a negative errno; -EACCES also where the service may read
 * the file and others may not: a copy and a digest would tell what is in it. */
int vm_op_open_image(const VMOp *op, const char *filename, FileFd *ret) G_GNUC_WARN_UNUSED_RESULT;

/* The result; all of it is owned. */
typedef struct VMResult {
    Pin *pin;               /* the VM's new pin; NULL: the old one stays */
    Resolution *resolution; /* the answer that holds now */
    gboolean is_assessed;   /* DIFFERENCES are known */
    guint differences;      /* VMDifference, or-ed */
    gboolean is_created;    /* the NVRAM is */
    FileFd lease;
    FileFd nvram;
    guint64 nvram_size; /* bytes of the file that NVRAM is */
    guint64 size;       /* bytes of all files that the VM has now */
} VMResult;

#define VM_RESULT_INIT                               \
    (VMResult) {                                     \
        .lease = FILE_FD_NONE, .nvram = FILE_FD_NONE \
    }

void vm_result_clear(VMResult *result);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(VMResult, vm_result_clear)
