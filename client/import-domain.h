/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "verbs.h"

/* import with --libvirt: makes a virtual machine of a libvirt domain, with its firmware and a copy
 * of its NVRAM, and prints the elements that the domain then needs. ID may be NULL: libvirt:UUID.
 */
gboolean import_domain(Context *context, const char *id, GError **error) G_GNUC_WARN_UNUSED_RESULT;
