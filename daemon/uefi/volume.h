/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * The firmware volume with edk2's variables (UEFI PI specification, volume 3, section 3.2): volume
 * header, store header, records, then the areas of its fault-tolerant writes. Offsets are in bytes
 * from the beginning of the volume, which is the beginning of the file.
 */

typedef struct VolumeLayout {
    guint32 length;    /* FvLength; the file can be padded to the size of the flash */
    guint32 variables; /* both headers and all records end here */
    guint32 working, working_size;
    guint32 spare, spare_size;
    guint32 block; /* unit of erasure in bytes */
    /* PcdMaxVariableSize and PcdMaxAuthVariableSize: one record, with header and name */
    guint32 largest_plain, largest_authenticated;
} VolumeLayout;

/* OVMF with 1 or 2 MiB, OVMF with 4 MiB, ArmVirtQemu. */
#define VOLUME_N_LAYOUTS 3
extern const VolumeLayout volume_layouts[VOLUME_N_LAYOUTS];

/* Returns the layout with FvLength LENGTH, or NULL. */
const VolumeLayout *volume_find_layout(guint64 length);

/* Returns the FvLength of the variables that OVMF's code of CODE_SIZE bytes uses, or 0 if OVMF has
 * no code of this size. */
guint64 volume_length_for_code(guint64 code_size);

#define VOLUME_HEADER_SIZE 0x48

/* Returns TRUE if VOLUME, of at least VOLUME_HEADER_SIZE bytes, has the signature of any volume. */
gboolean volume_has_signature(const guint8 *volume);
gboolean volume_is_of_variables(const guint8 *volume);
guint64 volume_get_length(const guint8 *volume);

/* Returns the layout that the volume header in VOLUME names, or NULL if it names none or has no
 * signature. SIZE is in bytes. */
const VolumeLayout *volume_get_layout(const guint8 *volume, gsize size);

/* Returns the fault of the volume header in VOLUME with its byte offset, or NULL. SIZE is at least
 * the size of the variables in the layout, if it has one. */
char *volume_check_header(const guint8 *volume, gsize size) G_GNUC_WARN_UNUSED_RESULT;

typedef struct VolumeStore {
    gboolean is_authenticated;
    guint32 records; /* offset of the first record */
    guint32 end;     /* end of the space for records */
} VolumeStore;

/* The same for the store header behind a valid volume header; sets *RET if there is no fault. */
char *volume_check_store(const guint8 *volume, const VolumeLayout *layout, VolumeStore *ret)
        G_GNUC_WARN_UNUSED_RESULT;

/* Writes an empty store with authenticated records, as Debian's templates have it, into VOLUME,
 * which has all bytes of LAYOUT. */
void volume_format(guint8 *volume, const VolumeLayout *layout);

/* Erases the queue of writes and the spare area, and leaves the header of the working area. */
void volume_erase_writes(guint8 *volume, const VolumeLayout *layout);

/* A write of blocks that the firmware has prepared in the spare area and not yet finished. */
typedef struct VolumeWrite {
    guint32 target; /* destination of the blocks */
    guint32 size;
    guint32 header;   /* offset of the write's header in the queue */
    guint32 record;   /* offset of the write's record in the queue */
    gboolean is_last; /* of its header's records */
} VolumeWrite;

/* VOLUME has all bytes of LAYOUT. Returns FALSE if no write is pending. */
gboolean volume_find_write(const guint8 *volume, const VolumeLayout *layout, VolumeWrite *ret);

/* Writes WRITE's blocks, and that it is complete, into VOLUME. Leaves the working area itself as it
 * is, except for the queue. */
void volume_complete_write(guint8 *volume, const VolumeLayout *layout, const VolumeWrite *write);
