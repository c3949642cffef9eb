/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "uefi/change-apply.h"

/* The parts of changes_apply(): one function for each kind of change, in change-keys.c and
 * change-boot.c. */

typedef struct ChangeEdit {
    Store *store;
    const Store *before;
    const ChangeSources *sources;
    ChangeResult *result;
} ChangeEdit;

/* Records what is done to a variable. */
void change_edit_note(
        ChangeEdit *edit, const EfiGuid *guid, const char *name, const char *format, ...)
        G_GNUC_PRINTF(4, 5);

typedef gboolean (*ChangeFunc)(ChangeEdit *edit, const Change *change, GError **error);

gboolean change_enroll(ChangeEdit *edit, const Change *change, GError **error);
gboolean change_enroll_known(ChangeEdit *edit, const Change *change, GError **error);
gboolean change_enroll_from(ChangeEdit *edit, const Change *change, GError **error);
gboolean change_unenroll(ChangeEdit *edit, const Change *change, GError **error);
gboolean change_secure_boot(ChangeEdit *edit, const Change *change, GError **error);
gboolean change_boot_order(ChangeEdit *edit, const Change *change, GError **error);
gboolean change_remove_boot(ChangeEdit *edit, const Change *change, GError **error);
