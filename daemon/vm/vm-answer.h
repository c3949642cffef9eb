/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/answer.h"
#include "vm/vm-op.h"

/*
 * The shape of each answer about a VM, written once: dbus-interfaces/org.vmfirmware1.Manager.xml
 * and org.vmfirmware1.VM.xml say what the keys mean.
 */

/* The entries of a VM's a{sv}: the resolution that holds now, and what only a VM has, but its
 * lease. */
void vm_answer_resolution_entries(
        Sink *sink, const VMOp *op, const VMResult *result, const Rendering *rendering);

/* The a{sv} of ChangeVariables. */
void vm_answer_changes(Sink *sink, const VMResult *result);

/* (susso): one VM of a list. */
void vm_answer_row(
        Sink *sink, const char *id, uid_t owner, const Pin *pin, const char *state,
        const char *path);

/* One VM of the report. */
typedef struct VMReport {
    const char *id;
    uid_t owner;
    const char *path; /* of its object */
    const Pin *pin;
    const char *state;
    guint64 last_prepared;
    const VMLook *look;       /* at its variables; or NULL */
    gboolean shows_reference; /* to the caller */
} VMReport;

/* a{sv} */
void vm_answer_report(Sink *sink, const VMReport *report);

/* aa{sv}, from BACKUPS of BackupReport */
void vm_answer_backups(Sink *sink, const GPtrArray *backups);

/* (ss): file name and format of the VM's NVRAM; empty strings where it has none. */
void vm_answer_nvram_names(
        Sink *sink, const VMStore *store, uid_t owner, const char *id, const Pin *pin);
