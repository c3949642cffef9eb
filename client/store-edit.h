/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "uefi/known-certificates.h"
#include "verbs.h"

/*
 * ChangeVariables on a file of this host, with the rights of the calling user and by the service's
 * code. QEMU's locks keep a QEMU from the file meanwhile. The changed file replaces the old one by
 * one rename; it has the same mode and owner.
 */

/* Returns the a{sv} of ChangeVariables, not floating. CHANGES is an aa{sv}; EXPECTED is the sha256
 * of an earlier result, or NULL. */
GVariant *store_edit_file(
        const Context *context, const char *path, KnownCertificates *known, GVariant *changes,
        gboolean is_dry_run, const char *expected, GError **error) G_GNUC_WARN_UNUSED_RESULT;
