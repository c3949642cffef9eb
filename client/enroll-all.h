/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "verbs.h"

/* Makes CHANGES, an aa{sv}, on each virtual machine of the owner that has Secure Boot and is not in
 * use, one after another. It can be repeated after an interruption: a machine that has the keys
 * already is not changed again. Fails if one of them fails, after all have been tried. */
gboolean enroll_all(Context *context, GVariant *changes, GError **error) G_GNUC_WARN_UNUSED_RESULT;
