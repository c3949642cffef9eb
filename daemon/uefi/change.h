/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "uefi/bootopt.h"
#include "uefi/efi.h"

/*
 * The changes of a variable store that a caller asks for: the contract's list of dictionaries,
 * typed and validated.
 */

/* Limits of one list. */
#define CHANGE_MAX_CHANGES 64
#define CHANGE_MAX_NAME 255                 /* UCS-2 units of a variable's name */
#define CHANGE_MAX_NUMBERS BOOT_MAX_ENTRIES /* in order or numbers */

typedef enum ChangeKind {
    CHANGE_ENROLL,
    CHANGE_ENROLL_KNOWN,
    CHANGE_ENROLL_FROM,
    CHANGE_UNENROLL,
    CHANGE_SECURE_BOOT,
    CHANGE_BOOT_ORDER,
    CHANGE_REMOVE_BOOT,
    CHANGE_SET,
    CHANGE_DELETE,
} ChangeKind;
const char *change_kind_to_string(ChangeKind kind);

/* Returns the GUID of PK, KEK, db or dbx; NULL for another name. */
const EfiGuid *change_find_key_variable(const char *name);

typedef struct Change {
    ChangeKind kind;
    guint32 given;  /* bit N: the table's key N is given */
    char *variable; /* into, from: PK, KEK, db or dbx */
    GBytes *data;   /* or NULL */
    EfiGuid owner;
    GStrv names;
    GStrv digests; /* sha256: lower-case digits */
    char *firmware;
    gboolean on, all, bound;
    GArray *numbers; /* of guint16: order, numbers; or NULL */
    EfiGuid guid;
    char *name;
    guint32 attributes;
    gboolean has_attributes;
} Change;

void change_free(Change *change);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Change, change_free)

/* Returns a change that enrols DATA into PK, KEK, db or dbx. */
Change *change_new_enroll(const char *variable, GBytes *data) G_GNUC_WARN_UNUSED_RESULT;

/* Returns what the data of an enroll has, of SiglistEntry, or NULL with
 * FIRMWARE_ERROR_INVALID_ARGS. It is read when the change is made, and not with the list: it needs
 * GnuTLS. */
GPtrArray *change_read_entries(const Change *change, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Returns a change that removes all boot entries, or those of this machine alone. */
Change *change_new_remove_boot(gboolean is_all) G_GNUC_WARN_UNUSED_RESULT;

/* Reads an aa{sv}. Returns the changes (of Change), or NULL with FIRMWARE_ERROR_INVALID_ARGS, whose
 * text names the change, counted from 1, and the key. */
GPtrArray *changes_read(GVariant *changes, GError **error) G_GNUC_WARN_UNUSED_RESULT;
