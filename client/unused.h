/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "verbs.h"

/*
 * Which virtual machines may be removed: those that nobody has prepared for some time, and those
 * whose reference names what does not exist. The service never looks at a reference, so the client
 * does, as its user and on this host.
 */

/* --unused or --orphans is given. */
gboolean unused_is_asked(const Options *options);

/* Returns the elements of ReportVMs, an aa{sv}, that all of these options ask for, without virtual
 * machines in use. A libvirt domain that cannot be looked up counts as defined. */
GVariant *unused_find(Context *context, GError **error) G_GNUC_WARN_UNUSED_RESULT;
