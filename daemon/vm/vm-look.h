/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/file.h"
#include "base/vocab.h"
#include "uefi/summary.h"

/*
 * The contents of a VM's variable store when it was last read while the VM was not in use.
 * Immutable and reference-counted.
 */

/* A comparison of the store with the good copy, or with the template where there is no good copy,
 * and a listing of the VM's directory. Both are true as long as these stamps are. */
typedef struct VMComparison {
    FileStamp directory; /* the VM's: a good copy comes with another one */
    gboolean is_alone;   /* the NVRAM is the only image in it */
    guint64 size;        /* as from vmstore_get_size() */
    char *file;      /* the good copy, in the directory, or a path of the template; NULL: none */
    FileStamp stamp; /* of FILE */
} VMComparison;

void vm_comparison_clear(VMComparison *comparison);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(VMComparison, vm_comparison_clear)

typedef struct VMLook {
    FileStamp stamp;
    gboolean is_trusted;      /* the stamp proves that the rest is up to date */
    KnownCertificates *known; /* the names in SUMMARY are from this table */
    StoreSummary *summary;    /* NULL: the service cannot read this format */
    /* Which has found that no good copy is due; all zero: none has. */
    VMComparison comparison;
} VMLook;

VMLook *vm_look_ref(VMLook *look);
void vm_look_unref(VMLook *look);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VMLook, vm_look_unref)

/* Reads the store in FD, or returns a reference to BEFORE (NULL: none) if the file is the same.
 * Returns NULL if the system failed. */
VMLook *vm_look_new(int fd, ImageFormat format, KnownCertificates *known, VMLook *before)
        G_GNUC_WARN_UNUSED_RESULT;

/* Returns a look at the store in FD, which has been written just now, without reading it: SUMMARY
 * is its summary. NULL if the system failed. */
VMLook *vm_look_new_known(int fd, KnownCertificates *known, StoreSummary *summary)
        G_GNUC_WARN_UNUSED_RESULT;

/* Returns a copy of LOOK with COMPARISON, which it takes. */
VMLook *vm_look_add_comparison(const VMLook *look, VMComparison *comparison)
        G_GNUC_WARN_UNUSED_RESULT;

/* Returns TRUE if LOOK (or NULL) is up to date for a file with the status ST. */
gboolean vm_look_is_current(
        const VMLook *look, const KnownCertificates *known, const struct stat *st);

/* Returns TRUE if LOOK (or NULL) has a comparison, and DIR_FD has not changed since. */
gboolean vm_look_has_directory(const VMLook *look, int dir_fd);

/* Returns TRUE if LOOK was made from the file with the status ST, which has not changed since. */
gboolean vm_look_is_of(const VMLook *look, const struct stat *st);

/* LOOK may be NULL. */
StoreSummary *vm_look_get_summary(const VMLook *look);
