/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/vm-op.h"

/*
 * The good copy of a VM's variables: the last store that was sound, had a variable, and differed
 * from the good copy before it (from the template, if there is none) when PrepareVM looked at it.
 */

/* Makes the good copy if the NVRAM, which PrepareVM has found sound, differs from it; DIR_FD is the
 * VM's directory. Returns TRUE if it may have made one. Sets RESULT->lacks_good_copy if the owner's
 * limit leaves no room. Any other failure is ignored: no start fails for it, and the next one tries
 * again. */
gboolean good_copy_update(const VMOp *op, int dir_fd, VMResult *result) G_GNUC_WARN_UNUSED_RESULT;
