/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The pager, selected like in systemd's tools: $SYSTEMD_PAGER, $PAGER, less, more; $SYSTEMD_LESS,
 * $SYSTEMD_LESSCHARSET, $SYSTEMD_PAGERSECURE. */
typedef struct Pager Pager;

/* Redirects standard output to it. NULL: none is installed or wanted. */
Pager *pager_start(void) G_GNUC_WARN_UNUSED_RESULT;

/* Returns once the reader has left it. */
void pager_wait(Pager *pager);
