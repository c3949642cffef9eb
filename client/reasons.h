/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Converts a reason code of Explain ("feature-missing:secure-boot") to text that completes the
 * sentence "it …". Returns an unknown code unchanged. */
char *reason_to_text(const char *reason) G_GNUC_WARN_UNUSED_RESULT;
