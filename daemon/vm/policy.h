/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/vm-op.h"

/*
 * Decides what an operation on a VM may do, and which firmware it gets, before anything changes.
 * Pure functions without I/O.
 */

/* The state of the service when the operation starts. */
typedef struct PolicyFacts {
    gboolean is_new_id_taken; /* OP->new_owner has a VM OP->new_id */
    gboolean hides_reference; /* the caller is neither OP->owner nor uid 0 */
    /* Of OP->new_owner. NULL: the caller is not limited. */
    void (*get_usage)(gconstpointer userdata, uid_t owner, guint *ret_n, guint64 *ret_size);
    gconstpointer userdata;
    guint max_vms;
    guint64 max_size;
} PolicyFacts;

/* FIRMWARE_ERROR_NO_SUCH_VM where PIN is NULL; FAULT: why its record cannot be read, or NULL. */
gboolean policy_check_exists(
        const Pin *pin, const char *fault, uid_t owner, const char *id, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* The answer, for MACHINE if that is not NULL, can be rendered as OP asks for; the path of its
 * NVRAM makes no difference. Errors: those of rendering_make(). */
gboolean policy_check_render(
        const VMOp *op, const Resolution *resolution, const Machine *machine, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* Names the firmware that would pass for OP, which chooses firmware, with NVRAM of SIZE, whatever
 * name OP asks for: "; firmware for that size: …", or "; no firmware has that size". */
char *policy_describe_takers(const VMOp *op, guint64 size) G_GNUC_WARN_UNUSED_RESULT;

/* One function for each rule of the contract. Each sets the fields of OP that it decides. Errors:
 * FIRMWARE_ERROR_NO_SUCH_VM, _VM_EXISTS, _LIMITS_EXCEEDED, _VM_CONFLICT (the pin does not satisfy
 * the call), _NO_MATCHING_FIRMWARE, _INVALID_ARGS (the firmware does not go with the NVRAM of the
 * call), and those of render_libvirt(). */
typedef gboolean (*Policy)(VMOp *op, const PolicyFacts *facts, GError **error);
gboolean policy_prepare(VMOp *op, const PolicyFacts *facts, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
gboolean policy_import_vm(VMOp *op, const PolicyFacts *facts, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
gboolean policy_rebind(VMOp *op, const PolicyFacts *facts, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
gboolean policy_clone(VMOp *op, const PolicyFacts *facts, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean policy_rename(VMOp *op, const PolicyFacts *facts, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
/* For operations that replace the NVRAM, and for all others. */
gboolean policy_replace_nvram(VMOp *op, const PolicyFacts *facts, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
gboolean policy_use(VMOp *op, const PolicyFacts *facts, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* For a store that the caller sends: there is no VM. */
gboolean policy_read_store(VMOp *op, const PolicyFacts *facts, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
gboolean policy_get_variable(VMOp *op, const PolicyFacts *facts, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
/* A VM whose record cannot be read can be removed, too. */
gboolean policy_remove(VMOp *op, const PolicyFacts *facts, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
