/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/catalog.h"
#include "options.h"
#include "service/config.h"

/*
 * The service's methods on one VM, answered in this process: the VM of --directory, whose id is the
 * path of the directory. It has the same pins, leases and errors as a VM of the service, by the
 * same code.
 */

typedef struct Directory Directory;

/* Opens the directory; IS_NEW: makes it if it is missing. CONFIG says how many backups it keeps.
 * Error: FIRMWARE_ERROR. */
Directory *directory_open(
        const Options *options, const Config *config, gboolean is_new, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
/* Closes the leases that the calls have returned. */
void directory_free(Directory *directory);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Directory, directory_free)

/* The architecture that the VM is pinned to; NULL: there is no VM, or its record cannot be read. */
const char *directory_get_architecture(const Directory *directory);

/* Answers a call of the Manager (PrepareVM, ImportVM, GetVM) or of the VM, and its property
 * interface's GetAll, as the service does. Returns the body of the reply; it borrows the
 * descriptors in it. Error: FIRMWARE_ERROR. */
GVariant *directory_call(
        Directory *directory, Catalog *catalog, char *const *host_features, const char *method,
        GVariant *arguments, GError **error) G_GNUC_WARN_UNUSED_RESULT;
