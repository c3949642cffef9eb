/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "domain.h"
#include "verbs.h"

/* Prints the owner's uid and the id, one a line, of the virtual machine whose NVRAM a libvirt
 * domain has, and returns whether the domain may start with it: check-domain with --pinned, which
 * libvirt's hook calls. Prints nothing for a domain without one. Errors:
 * CLIENT_ERROR_MUST_NOT_START; any other means that nothing is known. */
gboolean domain_check_pin(Context *context, const Domain *domain, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
