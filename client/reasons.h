/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* A reason code of Explain ("feature-missing:secure-boot") in words, as it ends the sentence "it
 * …". What is not known is given back as it is. */
char *reason_to_text(const char *reason) G_GNUC_WARN_UNUSED_RESULT;
