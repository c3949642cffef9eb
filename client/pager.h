/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* A pager, chosen as systemd's tools choose theirs: $SYSTEMD_PAGER, $PAGER, less, more;
 * $SYSTEMD_LESS, $SYSTEMD_LESSCHARSET, $SYSTEMD_PAGERSECURE. */
typedef struct Pager Pager;

/* From here on standard output goes to it. NULL: there is none, or it is not wanted. */
Pager *pager_start(void) G_GNUC_WARN_UNUSED_RESULT;

/* Returns when the reader has left it. */
void pager_wait(Pager *pager);
