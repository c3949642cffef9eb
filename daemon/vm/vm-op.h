/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/error.h"
#include "core/selection.h"
#include "uefi/change-apply.h"
#include "uefi/report.h"
#include "vm/digest-cache.h"
#include "vm/vm-look.h"
#include "vm/vmstore.h"

/*
 * One operation on a VM: its input, VMOp, and its output, VMResult. Plain values.
 */

/* How the installed firmware differs from a pin. */
typedef enum VMDifference {
    VM_DIFFERENCE_DESCRIPTOR = 1 << 0,
    VM_DIFFERENCE_EXECUTABLE = 1 << 1,
    VM_DIFFERENCE_NVRAM_TEMPLATE = 1 << 2,
    VM_DIFFERENCE_REPLACED = 1 << 3, /* by an equivalent firmware */
    VM_DIFFERENCE_GONE = 1 << 4,     /* the VM cannot start: no equivalent is installed */
} VMDifference;

/* The contract's words for DIFFERENCES, static strings. VM_DIFFERENCE_GONE has none: it is an error
 * or a state. */
GPtrArray *vm_differences_to_words(guint differences) G_GNUC_WARN_UNUSED_RESULT;

/* The input: complete, and const, when the operation runs. */
typedef struct VMOp {
    /* borrowed */
    VMStore *store;
    DigestCache *digests;
    VMStore *new_store; /* of the resulting VM; NULL: STORE */
    Commit *commit;     /* of the change that the operation publishes; NULL: nobody abandons it */

    /* owned */
    Catalog *catalog;
    GStrv host_features;
    uid_t owner;
    char *id;
    uid_t new_owner; /* the owner of the resulting VM: of Clone, else OWNER */
    char *new_id;    /* its id: of Clone and Rename; NULL: ID */
    Request *request;
    FileFd source;      /* the caller's memfd; -1: none */
    char *guid;         /* of a variable; NULL: none */
    char *name;         /* of that variable */
    GPtrArray *changes; /* of Change: of the variables; NULL: none */

    /* the present state of the VM; NULL and 0 for a new one */
    Pin *pin;
    char *fault;           /* why its record cannot be read: then PIN is NULL */
    guint64 last_prepared; /* µs since the epoch */
    guint differences;
    VMLook *look; /* NULL: none yet */
    guint64 size; /* bytes of its files */

    guint max_backups; /* how many replaced stores are kept */

    /* set by the policy */
    const CatalogFile *file; /* of the catalog: the firmware to pin */
    Machine machine;         /* borrows from REQUEST and the catalog */
    guint64 max_size;        /* bytes that all files of the VM may take; 0: no limit */
} VMOp;

/* Where there is no configuration. */
#define VM_OP_DEFAULT_BACKUPS 3

#define VM_OP_INIT                                                    \
    (VMOp) {                                                          \
        .source = FILE_FD_NONE, .max_backups = VM_OP_DEFAULT_BACKUPS, \
    }

void vm_op_clear(VMOp *op);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(VMOp, vm_op_clear)

/* Opens the directory of OP's VM. Error: FIRMWARE_ERROR_IO. */
gboolean vm_op_open_directory(const VMOp *op, FileFd *ret, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* Looks up the status of an image for the VM's owner, or fails as vm_op_open_image() does. */
int vm_op_stat_image(const VMOp *op, const char *filename, struct stat *ret)
        G_GNUC_WARN_UNUSED_RESULT;

/* Opens an image for the VM's owner. Returns 0 or a negative errno; -EACCES also where the service
 * may read the file and others may not: a copy or a digest would disclose its content. */
int vm_op_open_image(const VMOp *op, const char *filename, FileFd *ret) G_GNUC_WARN_UNUSED_RESULT;

/* What others can change of a VM's files. */
typedef struct VMCondition {
    gint64 begun;            /* monotonic time, before anything was read; 0: nothing was */
    const char *nvram_fault; /* "nvram-missing", "-mismatch", "-owner"; NULL: none */
    gboolean is_in_use;
    int watch;    /* number of the watch on the NVRAM of a VM in use; 0: none */
    VMLook *look; /* NULL: the VM is in use, or its NVRAM cannot be read */
} VMCondition;

VMCondition vm_condition_copy(const VMCondition *condition) G_GNUC_WARN_UNUSED_RESULT;
void vm_condition_clear(VMCondition *condition);

/* The output. It owns all its fields. */
typedef struct VMResult {
    Pin *pin;                 /* the VM's new pin; NULL: the old one stays */
    Resolution *resolution;   /* the present answer */
    gboolean is_assessed;     /* DIFFERENCES are known */
    guint differences;        /* VMDifference, or-ed */
    gboolean is_created;      /* the NVRAM is new */
    gboolean lacks_good_copy; /* the owner's limit leaves no room for one */
    FileFd lease;
    FileFd nvram;
    guint64 nvram_size; /* bytes of the file NVRAM */
    Store *store;       /* the variables that were read */
    ImageFormat store_format;
    StoreReport *report; /* of STORE */
    Store *before;       /* the variables before they were changed */
    StoreReport *before_report;
    ChangeResult *change;  /* what was changed */
    GPtrArray *backups;    /* of BackupReport */
    guint64 size;          /* bytes of all files of the VM */
    guint64 last_prepared; /* µs since the epoch */
    VMCondition condition; /* of the files after the operation */
    gboolean is_read;      /* the last three are known; else vm_read_result() reads them */
} VMResult;

#define VM_RESULT_INIT                               \
    (VMResult) {                                     \
        .lease = FILE_FD_NONE, .nvram = FILE_FD_NONE \
    }

void vm_result_clear(VMResult *result);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(VMResult, vm_result_clear)

/* Reports on STORE, the VM's or one of its backups; without a VM, a caller's. */
StoreReport *vm_op_report(const VMOp *op, const Store *store) G_GNUC_WARN_UNUSED_RESULT;

/* Sets the error "VM ID: TEXT". Returns FALSE. */
gboolean vm_op_fail(GError **error, FirmwareError code, const char *id, const char *text);
