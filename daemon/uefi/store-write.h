/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "uefi/store.h"

/*
 * Changes of a variable store in memory, and its bytes afterwards. A store is written as a whole:
 * each live variable once, without the space of dead ones. Variables that nobody changed stay byte
 * for byte, and so does everything that is no variable, except that the queue of fault-tolerant
 * writes and its spare area are erased.
 */

/* A date before any signed update, so that the firmware accepts later ones: 2010-01-01. */
extern const guint8 store_first_time[EFI_TIME_SIZE];

/* Empty and sound stores. LENGTH is the FvLength of a layout. */
Store *store_new_flash(guint32 length) G_GNUC_WARN_UNUSED_RESULT;
Store *store_new_json(void) G_GNUC_WARN_UNUSED_RESULT;

/* Returns a sound copy of STORE, to be changed: with a pending write completed, or formatted if the
 * firmware formats an empty store. Returns NULL with FIRMWARE_ERROR_IMAGE_UNUSABLE for a store of
 * another health. */
Store *store_new_writable(const Store *store, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Sets data and attributes, or adds a variable. A variable that is there keeps its time stamp; a
 * new authenticated one gets store_first_time. NAME is UTF-8. */
void store_set(
        Store *store, const EfiGuid *guid, const char *name, guint32 attributes, GBytes *data);
/* Returns FALSE if there is no such variable. */
gboolean store_remove(Store *store, const EfiGuid *guid, const char *name);

/* Adds a copy of VARIABLE of FROM, with attributes and time stamp. Returns FALSE if STORE cannot
 * hold its name: the name is not UTF-16, and the kinds differ. */
gboolean store_add_copy(Store *store, const Store *from, const StoreVariable *variable)
        G_GNUC_WARN_UNUSED_RESULT;

/* Reads BYTES, which store_write() has returned for STORE. */
Store *store_read_again(GBytes *bytes, const Store *store) G_GNUC_WARN_UNUSED_RESULT;

/* Writes a store whose health was good when it was read. Returns NULL with
 * FIRMWARE_ERROR_LIMITS_EXCEEDED if a variable or all of them are too large for the store. The
 * result replaces STORE->bytes. */
GBytes *store_write(const Store *store, GError **error) G_GNUC_WARN_UNUSED_RESULT;
