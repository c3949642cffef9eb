/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/vmfiles.h"

/*
 * The owners of files, after StateDirectory= of systemd or a restored backup has changed them. The
 * service's own files have its uid; all others in a VM's directory belong to the VM's owner.
 */

/* The uid of the service that used the store before: of STATE/vms, which changes its owner last. */
uid_t vm_owner_get_former(const VMStore *store);

/* TRUE: a file in the directory of a VM of OWNER is to be given back. */
gboolean vm_owner_is_misplaced(const VMFile *file, uid_t owner, uid_t former);

/* Gives back what has the uid of the service, or of the service that used the directory before.
 * Leaves alone files of every other uid, and the files of a VM in use until the next start. For the
 * start of the service. Error: the first of all, with path and errno; the other files are given
 * back all the same. */
gboolean vm_owner_give_back(VMStore *store, GError **error) G_GNUC_WARN_UNUSED_RESULT;
