/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "domain.h"
#include "verbs.h"

/* Whether a libvirt domain may start with the virtual machine whose NVRAM it has: check-domain with
 * --pinned, which libvirt's hook calls. If it may, prints the owner's uid and the id, one a line;
 * nothing for a domain without one. Errors: CLIENT_ERROR_MUST_NOT_START; any other means that
 * nothing is known. */
gboolean domain_check_pin(Context *context, const Domain *domain, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
