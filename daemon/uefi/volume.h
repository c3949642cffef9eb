/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * The firmware volume that edk2 keeps its variables in (UEFI PI specification, volume 3,
 * section 3.2): volume header, store header, records; behind them the areas of its fault-tolerant
 * writes. Offsets are in bytes from the beginning of the volume, which is that of the file.
 */

typedef struct VolumeLayout {
    guint32 length;    /* FvLength; the file can be padded to the size of the flash */
    guint32 variables; /* both headers and all records end here */
    guint32 working, working_size;
    guint32 spare, spare_size;
    guint32 block; /* what the firmware erases at once */
    /* PcdMaxVariableSize and PcdMaxAuthVariableSize: one record, with header and name */
    guint32 largest_plain, largest_authenticated;
} VolumeLayout;

/* OVMF with 1 or 2 MiB, OVMF with 4 MiB, ArmVirtQemu. */
#define VOLUME_N_LAYOUTS 3
extern const VolumeLayout volume_layouts[VOLUME_N_LAYOUTS];

/* The layout of FvLength LENGTH, or NULL. */
const VolumeLayout *volume_find_layout(guint64 length);

#define VOLUME_HEADER_SIZE 0x48

/* What any volume's header says; VOLUME has VOLUME_HEADER_SIZE bytes at least. */
gboolean volume_has_signature(const guint8 *volume);
gboolean volume_is_of_variables(const guint8 *volume);
guint64 volume_get_length(const guint8 *volume);

/* The layout that the volume header in VOLUME names; NULL, where it names none or there is no
 * signature. SIZE is in bytes. */
const VolumeLayout *volume_get_layout(const guint8 *volume, gsize size);

/* What is wrong with the volume header in VOLUME, and at which byte; NULL: nothing. SIZE is at
 * least that of the variables in the layout, if it has one. */
char *volume_check_header(const guint8 *volume, gsize size) G_GNUC_WARN_UNUSED_RESULT;

typedef struct VolumeStore {
    gboolean is_authenticated;
    guint32 records; /* where the first one begins */
    guint32 end;     /* where none can be any more */
} VolumeStore;

/* The same for the store header behind a sound volume header; *RET is set where nothing is wrong.
 */
char *volume_check_store(const guint8 *volume, const VolumeLayout *layout, VolumeStore *ret)
        G_GNUC_WARN_UNUSED_RESULT;

/* A write of blocks that the firmware has prepared in the spare area and not yet finished. */
typedef struct VolumeWrite {
    guint32 target; /* where the blocks belong */
    guint32 size;
    guint32 record; /* where the queue says so */
} VolumeWrite;

/* VOLUME has all bytes of LAYOUT. FALSE: no write is pending. */
gboolean volume_find_write(const guint8 *volume, const VolumeLayout *layout, VolumeWrite *ret);
