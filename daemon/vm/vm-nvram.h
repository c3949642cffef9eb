/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/vm-op.h"

/*
 * The NVRAM of a VM as its owner left it, who can change the file at any time. Errors of a function
 * that opens it: FIRMWARE_ERROR_NVRAM_MISSING, _NVRAM_MISMATCH, _IMAGE_UNUSABLE, _NVRAM_IN_USE
 * (somebody has a lease of fcntl(2) on it), _IO.
 */

/* FIRMWARE_ERROR_NOT_SUPPORTED: the firmware of PIN keeps no variables. */
gboolean vm_nvram_check_exists(const char *id, const Pin *pin, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* Opens the NVRAM in the VM's directory with FLAGS of open(2), and validates its format and size
 * against the pin. */
gboolean vm_nvram_open(
        int dir_fd, const char *id, const Pin *pin, int flags, FileFd *ret, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* The same of a VM's NVRAM, for reading. *RET_DIR is the VM's directory, and is set wherever that
 * could be opened. */
gboolean vm_nvram_open_with_directory(
        const VMStore *store, uid_t owner, const char *id, const Pin *pin, FileFd *ret_dir,
        FileFd *ret, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Opens it after vm_nvram_check_exists(). */
gboolean vm_nvram_open_to_read(
        const VMStore *store, uid_t owner, const char *id, const Pin *pin, FileFd *ret,
        GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Reads the variables in it. Errors: FIRMWARE_ERROR_NOT_SUPPORTED (a qcow2 with zstd), _IO. */
gboolean vm_nvram_read(const VMOp *op, int fd, Store **ret, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* Sets the error for a file that cannot be opened. R is a negative errno. Returns FALSE. */
gboolean vm_nvram_open_failed(GError **error, const char *id, int r);

/* The same checks without a result; TRUE also if the firmware keeps no variables. */
gboolean vm_nvram_check(
        const VMStore *store, uid_t owner, const char *id, const Pin *pin, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
